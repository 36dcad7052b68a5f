//! Answers that other engines gave for the same model, by the same rule.
//!
//! `answers.jsonl` was made by `contrib/reference_answers.py` from the tiny model of seed 1 in bf16 and the README of this
//! project: 80 answers of transformers in bf16 (`--dtype bfloat16 --name 1`), 40 of transformers in f32 (`--name 2`), 40 of
//! llama.cpp with the same weights as a GGUF file in f32 (`--name 3`), on a processor.

use std::collections::BTreeMap;

use engine::generation::Sampling;
use proof::inference::Params;
use serde_json::Value;

use super::{Answered, Model, Summary, summary};

/// The answers of each engine.
fn answers() -> BTreeMap<String, Vec<Answered>> {
    let mut engines: BTreeMap<String, Vec<Answered>> = BTreeMap::new();
    for line in include_str!("answers.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let ids = |key: &str| serde_json::from_value::<Vec<u32>>(line[key].clone()).expect("ids");
        let number = |key: &str| line["params"][key].as_f64().expect("a number") as f32;
        let params = Params {
            temperature: number("temperature"),
            top_k: number("top_k") as u32,
            top_p: number("top_p"),
            presence_penalty: number("presence_penalty"),
            frequency_penalty: number("frequency_penalty"),
        };
        let seed = hex::decode(line["seed"].as_str().expect("text")).expect("hex");
        let sampling = Sampling::seeded(&params, seed.try_into().expect("32 bytes"));
        let engine = line["engine"].as_str().expect("text").to_owned();
        let answered = Answered { prompt: ids("prompt"), answer: ids("answer"), sampling };
        engines.entry(engine).or_default().push(answered);
    }
    engines
}

#[test]
fn other_engines_are_honest() {
    let mut checker = Model::new(1).checker();
    let mut check = |answers: &[Answered]| -> Summary { summary(answers, |answered| answered.check(&mut *checker)) };
    let mut engines = answers();
    assert_eq!(engines.len(), 3);
    for (engine, answers) in &mut engines {
        let found = check(answers);
        println!("{engine}: {} answers, {found:?}", answers.len());
        let (agreed, largest) = if engine.contains("bfloat16") { (0.98, 0.003) } else { (0.999, 1e-4) };
        assert!(found.agreed >= agreed && found.largest <= largest && found.excluded == 0, "{engine}: {found:?}");

        // The negative control: the same text under the seeds of one another.
        let last = answers[0].sampling.seed;
        for at in 0..answers.len() {
            answers[at].sampling.seed = answers.get(at + 1).map_or(last, |next| next.sampling.seed);
        }
        let found = check(answers);
        assert!(found.agreed < 0.7 && found.mean > 0.2, "{engine}: {found:?}");
    }
}
