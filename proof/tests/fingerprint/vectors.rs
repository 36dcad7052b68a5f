//! `vectors/fingerprint.json`, made by `vectors/fingerprint.py`.

use proof::fingerprint::{Distance, Fingerprint, bf16};
use serde_json::Value;

use crate::rows::{moved, rows, splitmix};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/fingerprint.json")).expect("the vectors are JSON")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn rounding_is_as_specified() {
    for pair in vectors()["bf16"].as_array().expect("pairs") {
        let value = f32::from_bits(number(&pair[0]) as u32);
        assert_eq!(u64::from(bf16(value)), number(&pair[1]), "{value}");
    }
    assert_eq!([f32::INFINITY, f32::NEG_INFINITY, f32::MAX].map(bf16), [0x7f80, 0xff80, 0x7f80]);
    for bits in [0x7f80_0001, 0xff80_0001, 0x7fff_ffff, u32::MAX] {
        assert!(f32::from_bits(u32::from(bf16(f32::from_bits(bits))) << 16).is_nan(), "{bits:x}");
    }
}

#[test]
fn fingerprints_and_distances_are_as_specified() {
    for case in vectors()["cases"].as_array().expect("cases") {
        let kind = case["kind"].as_str().expect("a kind");
        let [seed, count, hidden] = ["seed", "rows", "hidden"].map(|name| number(&case[name]));
        let own = rows(kind, seed, count as usize, hidden as usize);
        let fingerprint = Fingerprint::of(&own);
        assert_eq!(hex::encode(fingerprint.to_bytes()), case["bytes"], "{kind} {seed}");
        assert_eq!(u64::from(fingerprint.modulus), number(&case["modulus"]));
        for (name, expected) in case["distances"].as_object().expect("distances") {
            let theirs: Vec<u16> = match name.as_str() {
                "same" => own.clone(),
                "drift" => {
                    let step = |n| (splitmix(seed ^ 0xffff, n) & 3) as i32 - 1;
                    (0..).zip(&own).map(|(n, entry)| moved(*entry, step(n))).collect()
                }
                "flip" => own.iter().map(|entry| entry ^ 0x8000).collect(),
                "zero" => {
                    own.iter().enumerate().map(|(n, entry)| if n < hidden as usize { 0 } else { *entry }).collect()
                }
                "other" => rows(kind, seed + 1, count as usize, hidden as usize),
                _ => panic!("{name}"),
            };
            let or_none = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
            let expected = Distance {
                exponents: number(&expected[0]) as u32,
                signs: number(&expected[1]) as u32,
                mean: or_none(&expected[2]),
                median: or_none(&expected[3]),
            };
            assert_eq!(fingerprint.distance(&theirs), expected, "{kind} {seed} {name}");
        }
    }
}
