//! Derivations of sampled answers: golden vectors of an independent implementation (`vectors/sampling.py`), and what
//! must differ.

use incentive::units::{Hotkey, NetUid};
use proof::inference::{MIN_TEMPERATURE, Params, TokenChain, choice_nonce, nonce_of_seed, request_digest, seed};
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/sampling.json")).expect("the vectors are JSON");
    vectors["derivation"].clone()
}

fn hex32(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().expect("a string")).expect("hex").try_into().expect("32 bytes")
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).expect("ids")
}

#[test]
fn derivations_are_as_specified() {
    let vectors = vectors();
    let float = |name: &str| vectors["params"][name].as_f64().expect("a number") as f32;
    let params = Params {
        temperature: float("temperature"),
        top_k: vectors["params"]["top_k"].as_u64().expect("a number") as u32,
        top_p: float("top_p"),
        presence_penalty: float("presence_penalty"),
        frequency_penalty: float("frequency_penalty"),
    };
    assert_eq!(params.check(), Ok(()));
    let request = request_digest(&ids(&vectors["prompt"]), &params);
    assert_eq!(request, hex32(&vectors["request_digest"]));
    let nonce = hex32(&vectors["nonce"]);
    let seed = seed(
        &hex32(&vectors["genesis"]),
        NetUid(vectors["netuid"].as_u64().expect("a number") as u16),
        &Hotkey(hex32(&vectors["caller"])),
        &Hotkey(hex32(&vectors["own"])),
        &nonce,
        &request,
    );
    assert_eq!(seed, hex32(&vectors["seed"]));
    for (index, expected) in (0..).zip(vectors["choice_nonces"].as_array().expect("nonces")) {
        assert_eq!(choice_nonce(&nonce, index), hex32(expected));
    }
    for pair in vectors["integer_nonces"].as_array().expect("pairs") {
        assert_eq!(nonce_of_seed(pair[0].as_i64().expect("an integer")), hex32(&pair[1]));
    }
    let mut chain = TokenChain::new(&seed);
    let mut heads = vec![*chain.head()];
    heads.extend(ids(&vectors["answer"]).into_iter().map(|id| chain.push(id)));
    assert_eq!(heads, vectors["heads"].as_array().expect("heads").iter().map(hex32).collect::<Vec<_>>());
}

fn params() -> impl Strategy<Value = Params> {
    (0.01..2.0f32, 0..100u32, 0.01..1.0f32, -2.0..2.0f32, -2.0..2.0f32).prop_map(
        |(temperature, top_k, top_p, presence_penalty, frequency_penalty)| Params {
            temperature,
            top_k,
            top_p,
            presence_penalty,
            frequency_penalty,
        },
    )
}

proptest! {
    #[test]
    fn every_part_of_the_question_changes_the_seed(part in 0..6usize, byte in 0..32usize, bit in 0..8u8) {
        let derive = |parts: [[u8; 32]; 5], netuid| {
            let [genesis, caller, own, nonce, request] = parts;
            seed(&genesis, NetUid(netuid), &Hotkey(caller), &Hotkey(own), &nonce, &request)
        };
        let parts = [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]];
        let (mut changed, mut netuid) = (parts, 0x0101);
        match changed.get_mut(part) {
            Some(part) => part[byte] ^= 1 << bit,
            None => netuid ^= 1 << bit,
        }
        prop_assert_ne!(derive(changed, netuid), derive(parts, 0x0101));
        // Who calls and who answers are not exchangeable.
        prop_assert_ne!(derive([[1; 32], [3; 32], [2; 32], [4; 32], [5; 32]], 0x0101), derive(parts, 0x0101));
    }

    #[test]
    fn every_part_of_a_request_changes_its_digest(
        prompt in prop::collection::vec(any::<u32>(), 1..20),
        params in params(),
        at: prop::sample::Index,
        bit in 0..32u8,
        field in 0..5usize,
    ) {
        let digest = request_digest(&prompt, &params);
        let mut other = prompt.clone();
        other[at.index(prompt.len())] ^= 1 << bit;
        prop_assert_ne!(request_digest(&other, &params), digest);
        prop_assert_ne!(request_digest(&[&prompt[..], &[0]].concat(), &params), digest);
        let mut other = params;
        match field {
            0 => other.temperature = 0.0,
            1 => other.top_k += 1,
            2 => other.top_p = 1.0,
            3 => other.presence_penalty += 0.5,
            _ => other.frequency_penalty += 0.5,
        }
        prop_assert_ne!(request_digest(&prompt, &other), digest);
    }

    #[test]
    fn a_chain_binds_tokens_and_their_order(
        tokens in prop::collection::vec(0..50u32, 1..40),
        other in prop::collection::vec(0..50u32, 1..40),
        at: prop::sample::Index,
    ) {
        let head = |seed: u8, tokens: &[u32]| {
            let mut chain = TokenChain::new(&[seed; 32]);
            chain.extend(tokens.iter().copied());
            *chain.head()
        };
        prop_assert_eq!(head(1, &tokens) == head(1, &other), tokens == other);
        prop_assert_ne!(head(1, &tokens), head(2, &tokens));
        // In parts it is the same chain.
        let mut chain = TokenChain::new(&[1; 32]);
        let (first, second) = tokens.split_at(at.index(tokens.len()));
        chain.extend(first.iter().copied());
        chain.extend(second.iter().copied());
        prop_assert_eq!(*chain.head(), head(1, &tokens));
    }
}

#[test]
fn the_two_zeros_are_one_request() {
    let negative = Params { temperature: -0.0, presence_penalty: -0.0, ..Params::GREEDY };
    assert_eq!(negative.check(), Ok(()));
    assert_eq!(request_digest(&[1], &negative), request_digest(&[1], &Params::GREEDY));
}

#[test]
fn the_smallest_temperature() {
    let check = |temperature| Params { temperature, ..Params::GREEDY }.check();
    assert_eq!(check(MIN_TEMPERATURE), Ok(()));
    let error = check(MIN_TEMPERATURE / 2.0).expect_err("too small");
    assert_eq!(error.to_string(), "temperature is 0.005; it must be 0, or from 0.01 to 2");
}
