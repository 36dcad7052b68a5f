//! What TOPLOC's own implementation (the wheel `toploc` 0.1.6) says of the same activations, where its answers are at hand.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proof::fingerprint::{BYTES, Distance, Fingerprint, FingerprintError, chunks, largest};
use serde_json::Value;

use crate::folder::folder;
use crate::rows::{moved, rows, splitmix, wide};

fn read(folder: &Path, name: &str) -> Value {
    let bytes = std::fs::read(folder.join(name)).expect("the fixture can be read");
    serde_json::from_slice(&bytes).expect("the fixture is JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

fn number(value: &Value, name: &str) -> usize {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is a number")) as usize
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is text"))
}

fn seed(value: &Value, name: &str) -> u64 {
    u64::from_str_radix(text(value, name), 16).expect("16 digits")
}

fn deltas(value: &Value, name: &str) -> Vec<i32> {
    serde_json::from_value(value[name].clone()).expect("integers")
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().expect("text")).expect("base64")
}

fn jittered(own: &[u16], seed: u64, deltas: &[i32]) -> Vec<u16> {
    let step = |n| deltas[(splitmix(seed, n) & 7) as usize];
    (0..).zip(own).map(|(n, entry)| moved(*entry, step(n))).collect()
}

/// The wheel's metrics in our form: its mean is a quotient of integers, or 2^64.
fn expected(k: usize, mismatches: u64, mean: f64, median: f64) -> Distance {
    let none = |value: f64| value > 1e18;
    let count = k as u64 - mismatches;
    let thousandths = ((mean * count as f64).round() as u64 * 1000).div_ceil(count.max(1));
    Distance {
        exponents: mismatches as u32,
        signs: 0,
        mean: if none(mean) { u64::MAX } else { thousandths },
        median: if none(median) { u64::MAX } else { median as u64 },
    }
}

fn metrics(value: &Value, k: usize) -> Distance {
    let float = |name: &str| value[name].as_f64().expect("a number");
    expected(k, number(value, "exp_mismatches") as u64, float("mant_err_mean"), float("mant_err_median"))
}

/// The rows of a perturbed verifier.
fn verifier(chunk: &Value, own: &[u16], how: &Value) -> Vec<u16> {
    let (count, hidden) = (number(chunk, "rows"), number(chunk, "hidden"));
    match text(how, "name") {
        "same" => own.to_vec(),
        "ulp2" | "ulp16" => jittered(own, seed(how, "seed"), &deltas(how, "deltas")),
        "other" => rows(text(how, "kind"), seed(how, "seed"), count, hidden),
        "next_row" => [&own[hidden..], &own[..hidden]].concat(),
        "sign" => own.iter().map(|entry| entry ^ 0x8000).collect(),
        "zero_row" => {
            let row = number(how, "row");
            (0..).zip(own).map(|(n, entry)| if n / hidden == row { 0 } else { *entry }).collect()
        }
        _ => {
            let factor = how["factor"].as_f64().expect("a factor") as f32;
            own.iter().map(|entry| proof::fingerprint::bf16(wide(*entry) * factor)).collect()
        }
    }
}

#[test]
fn fingerprints_are_those_of_the_wheel() {
    let Some(folder) = folder("toploc") else { return };
    let mut checked = (0, 0);
    for chunk in list(&read(&folder, "chunks.json"), "chunks") {
        let id = text(chunk, "id");
        let own = rows(text(chunk, "kind"), seed(chunk, "seed"), number(chunk, "rows"), number(chunk, "hidden"));
        for (entry, bits) in own.iter().zip(list(chunk, "first_bits")) {
            assert_eq!(format!("{entry:04x}"), bits.as_str().expect("text"), "{id}");
        }
        let tie = chunk["boundary_tie"].as_bool().expect("whether");
        let fingerprint = Fingerprint::of(&own);
        let expected = &chunk[if tie { "proof_lowest_index_b64" } else { "proof_b64" }];
        assert_eq!(fingerprint.to_bytes(), bytes(expected), "{id}");
        // Distances are those of the wheel's own proof, as it took other entries where they were equal.
        let theirs = Fingerprint::from_bytes(&bytes(&chunk["proof_b64"])).expect("a fingerprint");
        for how in list(chunk, "verify") {
            let found = theirs.distance(&verifier(chunk, &own, how));
            let expected = metrics(how.get("lowest_index_rule").unwrap_or(how), 128);
            assert_eq!(Distance { signs: 0, ..found }, expected, "{id} {}", how["name"]);
            checked.1 += 1;
        }
        checked.0 += 1;
    }
    assert_eq!(checked, (40, 360));
}

#[test]
fn answers_are_cut_like_those_of_the_wheel() {
    let Some(folder) = folder("toploc") else { return };
    for case in list(&read(&folder, "sequences.json"), "sequences") {
        let (hidden, k, cut) = (number(case, "hidden"), number(case, "k"), number(case, "chunk_rows"));
        let own = rows(text(case, "kind"), seed(case, "seed"), number(case, "rows"), hidden);
        let expected: Vec<_> = list(case, "proofs_b64").iter().map(bytes).collect();
        // Other sizes of chunks, and other numbers of entries, are nobody's here: the parts are.
        let through = |rows: &[u16]| -> Vec<(u32, u16)> {
            largest(rows, k).into_iter().map(|index| (index, rows[index as usize])).collect()
        };
        let parts: Vec<_> = own.chunks(cut * hidden).map(|rows| Fingerprint::through(&through(rows))).collect();
        assert_eq!(parts.iter().map(Fingerprint::to_bytes).collect::<Vec<_>>(), expected);
        if (k, cut) != (128, 32) {
            continue;
        }
        assert_eq!(chunks(&own, hidden), parts);
        let theirs = jittered(&own, seed(case, "ulp2_seed"), &deltas(case, "ulp2_deltas"));
        let found = parts.iter().zip(theirs.chunks(cut * hidden)).map(|(part, rows)| part.distance(rows));
        for ((found, metrics), tie) in found.zip(list(case, "ulp2_metrics")).zip(list(case, "ulp2_verifier_tie")) {
            let float = |index: usize| metrics[index].as_f64().expect("a number");
            if tie == false {
                assert_eq!(found, self::expected(k, float(0) as u64, float(1), float(2)));
            }
        }
    }
    for case in list(&read(&folder, "prefill_layout.json"), "cases") {
        let (hidden, prompt, answer) =
            (number(case, "hidden"), number(case, "prompt_rows"), number(case, "decode_rows"));
        let all = rows(text(case, "kind"), seed(case, "seed"), prompt + answer, hidden);
        let expected: Vec<_> = list(case, "proofs_b64").iter().map(bytes).collect();
        let (before, after) = all.split_at(prompt * hidden);
        assert_eq!(Fingerprint::of(before).to_bytes(), expected[0]);
        assert_eq!(chunks(after, hidden).iter().map(Fingerprint::to_bytes).collect::<Vec<_>>(), expected[1..]);
    }
}

#[test]
fn polynomials_are_those_of_the_wheel() {
    let Some(folder) = folder("toploc") else { return };
    let file = read(&folder, "from_points.json");
    for case in list(&file, "vectors") {
        let numbers = |name: &str| -> Vec<u32> { serde_json::from_value(case[name].clone()).expect("numbers") };
        let points: Vec<_> = numbers("x").into_iter().zip(numbers("y").into_iter().map(|y| y as u16)).collect();
        let fingerprint = Fingerprint::through(&points);
        assert_eq!(hex::encode(fingerprint.to_bytes()), case["bytes_hex"], "{}", case["name"]);
        assert_eq!(Fingerprint::from_bytes(&fingerprint.to_bytes()).as_ref(), Ok(&fingerprint));
        // The wheel evaluates at what was reduced already.
        for (x, y) in
            numbers("eval_x").into_iter().zip(numbers("eval_y")).filter(|(x, _)| *x < u32::from(fingerprint.modulus))
        {
            assert_eq!(u32::from(fingerprint.at(x)), y, "{} at {x}", case["name"]);
        }
    }
    for case in list(&file, "round_trip") {
        let bytes = hex::decode(text(case, "bytes_hex")).expect("hex");
        let fingerprint = Fingerprint::from_bytes(&bytes).expect("a fingerprint");
        assert_eq!(serde_json::json!(fingerprint.coefficients), case["coeffs"]);
        assert_eq!(
            (number(case, "modulus"), STANDARD.encode(&bytes)),
            (fingerprint.modulus.into(), text(case, "base64").into())
        );
    }
    let null = hex::decode(text(&file, "null_proof_hex")).expect("hex");
    assert_eq!(Fingerprint::null().to_bytes(), null);
    for points in [&[][..], &[(5, 1), (5, 2)]] {
        assert_eq!(Fingerprint::through(points), Fingerprint::null());
    }
    assert_eq!(Fingerprint::from_bytes(&[0; BYTES + 2]), Err(FingerprintError::Length(BYTES + 2)));
}
