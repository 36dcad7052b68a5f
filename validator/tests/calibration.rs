//! A small calibration of a real model: what it says, what it lets pass, what it finds.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use engine::check::{Claim, check};
use engine::generation::Generation;
use engine::model::{Decoder, Precision};
use engine::synthetic::{self, Recipe};
use incentive::evidence::{Charts, Table, judge};
use incentive::verdict::Fault;
use proof::fingerprint;
use serde_json::json;
use tempfile::TempDir;
use validator::inference::calibrate::answers::{Answer, Engine};
use validator::inference::calibrate::report::Outcome;
use validator::inference::calibrate::requests::Requests;
use validator::inference::calibrate::source::Model;
use validator::inference::calibrate::strata::{STRATA, thousandths};
use validator::inference::calibrate::variants::{self, Variant};
use validator::inference::calibrate::{CalibrateArgs, calibrate, measure};
use validator::inference::tables;

/// The model that is claimed, another of its shape, and a table for the first.
struct World {
    folder: TempDir,
    model: PathBuf,
    other: PathBuf,
    outcome: Outcome,
}

/// Answers of an engine elsewhere are part of it.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str, seed| {
        let path = folder.path().join(name);
        synthetic::tiny(&path, Recipe { seed, precision: synthetic::Precision::F32 }).expect("a model");
        path
    };
    let (model, other) = (make("model", 1), make("other", 2));
    let elsewhere = folder.path().join("answers.jsonl");
    write(&elsewhere, "an engine elsewhere", &answers_of(&model, load(&model).1, 105, Generation::clone));
    let with = CalibrateArgs { answers: vec![elsewhere], ..args(&model, 100) };
    let outcome = calibrate(&with, &mut |_| {}).expect("a table");
    World { folder, model, other, outcome }
});

fn args(model: &Path, blocks: u64) -> CalibrateArgs {
    CalibrateArgs {
        model: model.to_owned(),
        out: PathBuf::new(),
        precision: None,
        blocks,
        answers: Vec::new(),
        seed: 1,
        json: false,
    }
}

fn load(path: &Path) -> (Model, Box<dyn Decoder>) {
    let model = Model::open(path.to_owned(), None).expect("a model");
    let decoder = model.load(&Variant::new("any", None)).expect("it loads");
    (model, decoder)
}

/// Answers to requests that nobody has seen, by somebody who changes them; claimed as they were asked for.
fn answers(by: Box<dyn Decoder>, count: usize, cheat: impl Fn(&Generation) -> Generation) -> Vec<Answer> {
    answers_of(&WORLD.model, by, count, cheat)
}

fn answers_of(
    model: &Path,
    by: Box<dyn Decoder>,
    count: usize,
    cheat: impl Fn(&Generation) -> Generation,
) -> Vec<Answer> {
    let (model, _) = load(model);
    let mut requests = Requests::new(&model.text, 512, "test", 99);
    let asked: Vec<Generation> =
        STRATA.iter().flat_map(|range| requests.take(range, count).expect("requests")).collect();
    let cheated: Vec<Generation> = asked.iter().map(cheat).collect();
    let answers = Engine::start(by).expect("an engine").answer(&cheated).expect("answers");
    let claim =
        |(answer, asked): (Answer, Generation)| Answer { prompt: asked.prompt, sampling: asked.sampling, ..answer };
    answers.into_iter().zip(asked).map(claim).collect()
}

/// As `--answers` reads them.
fn write(path: &Path, engine: &str, answers: &[Answer]) {
    let line = |answer: &Answer| {
        let of = answer.sampling.params();
        let params = json!({
            "temperature": of.temperature, "top_k": of.top_k, "top_p": of.top_p,
            "presence_penalty": of.presence_penalty, "frequency_penalty": of.frequency_penalty,
        });
        let seed = hex::encode(answer.sampling.seed);
        json!({
            "engine": engine, "prompt": answer.prompt, "answer": answer.ids, "params": params, "seed": seed,
            "finish": "length",
        })
        .to_string()
    };
    std::fs::write(path, answers.iter().map(line).collect::<Vec<_>>().join("\n")).expect("it can be written");
}

/// The faults of one miner's answers, one after the other.
fn faults(answers: &[Answer]) -> Vec<Fault> {
    faults_by(&WORLD.outcome.table, &WORLD.model, answers)
}

fn faults_by(table: &Table, model: &Path, answers: &[Answer]) -> Vec<Fault> {
    let (model, mut checker) = load(model);
    let mut charts = Charts::default();
    let judged = answers.iter().filter_map(|answer| {
        let seen = measure::see(&mut *checker, answer, model.text.stop_tokens()).expect("it can be checked");
        judge(&mut charts, table, thousandths(answer.sampling.temperature), &seen.tokens).fault
    });
    judged.collect()
}

/// Whether all fingerprints of all answers are within the limits.
fn fingerprints_pass(answers: &[Answer]) -> bool {
    let (model, mut checker) = load(&WORLD.model);
    let limits = WORLD.outcome.table.fingerprint.expect("fingerprints tell for this model");
    let see =
        |answer| measure::see(&mut *checker, answer, model.text.stop_tokens()).expect("it can be checked").distances;
    let distances: Vec<_> = answers.iter().flat_map(see).collect();
    assert!(!distances.is_empty(), "some answers have 32 tokens");
    distances.iter().all(|of| of.within(limits.exponents, limits.mean.into(), limits.median.into()))
}

/// One test, because the table takes seconds to make.
#[test]
fn a_small_calibration() {
    it_says_what_it_rests_on();
    a_table_survives_its_file_and_serves_nothing_else();
    answers_of_another_model_are_refused();
    fresh_honest_answers_pass();
    cheats_are_found();
    a_fingerprint_does_not_show_who_wrote_the_text();
}

fn it_says_what_it_rests_on() {
    let Outcome { table, .. } = &WORLD.outcome;
    let text = WORLD.outcome.to_string();
    assert!(text.contains("weak bound") && text.contains("2995"), "{text}");
    assert!(table.strata.iter().all(|stratum| stratum.false_positive_ppm > 1000), "100 blocks prove no thousandth");
    assert!(table.strata.iter().all(|stratum| stratum.soft <= stratum.hard && stratum.blocks >= 200), "{table:?}");
    assert!(text.contains("bf16 activations") && text.contains("q8_0 weights"), "{text}");
    let elsewhere = table.pairs.iter().find(|pair| pair.name == "an engine elsewhere").expect("it stands there");
    assert!(elsewhere.blocks >= 280 && elsewhere.agreement_ppm == 1_000_000, "{elsewhere:?}");
}

fn a_table_survives_its_file_and_serves_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.json");
    tables::save(&path, &WORLD.outcome.table).expect("it is sound");
    let table: Table = tables::load(&path).expect("it is sound");
    assert_eq!(table, WORLD.outcome.table);
    tables::admit(&table, &table.model, &tables::checker()).expect("it is for this model");
    let (other, _) = load(&WORLD.other);
    let error = tables::admit(&table, &incentive::task::ModelDigest(other.info.digest), &tables::checker());
    assert!(error.expect_err("another model").to_string().contains("the model"));
}

fn fresh_honest_answers_pass() {
    let (model, _) = load(&WORLD.model);
    for (variant, _) in variants::honest(None).into_iter().flatten() {
        let honest = answers(model.load(&variant).expect("it loads"), 12, Generation::clone);
        assert_eq!(faults(&honest), [], "{}", variant.name);
        assert!(fingerprints_pass(&honest), "{}", variant.name);
    }
}

fn cheats_are_found() {
    let own = || load(&WORLD.model).1;
    let other_weights = answers(load(&WORLD.other).1, 2, Generation::clone);
    assert!(faults(&other_weights).len() >= 5, "each block alone is enough");
    let cut = answers(own(), 2, |asked| Generation {
        prompt: asked.prompt[asked.prompt.len() / 2..].to_vec(),
        ..asked.clone()
    });
    assert!(faults(&cut).len() >= 5, "each block alone is enough");
    let hot = answers(own(), 16, |asked| {
        let mut asked = asked.clone();
        asked.sampling.temperature *= 0.8;
        asked
    });
    assert!(!faults(&hot).is_empty(), "48 blocks are enough");
    let eight = load(&WORLD.model).0.load(&Variant::new("a cheat", Some(Precision::Q8_0))).expect("it loads");
    assert!(!faults(&answers(eight, 40, Generation::clone)).is_empty(), "120 blocks are enough");
    let relayed = answers(own(), 2, |asked| {
        let mut asked = asked.clone();
        asked.sampling.seed[0] ^= 1;
        asked
    });
    assert!(faults(&relayed).len() >= 5, "each block alone is enough");
}

fn a_fingerprint_does_not_show_who_wrote_the_text() {
    let (model, mut checker) = load(&WORLD.model);
    let mut foreign = answers(load(&WORLD.other).1, 2, Generation::clone);
    assert!(!fingerprints_pass(&foreign), "another model's states are far from ours");
    for answer in &mut foreign {
        let stop = model.text.stop_tokens();
        let claim =
            Claim { prompt: &answer.prompt, answer: &answer.ids, sampling: &answer.sampling, stop, hidden: true };
        let states = check(&mut *checker, 0, &claim).expect("it can be checked").hidden;
        answer.fingerprints = fingerprint::chunks(&states, model.info.hidden);
    }
    assert!(fingerprints_pass(&foreign), "one prefill of the true model buys true fingerprints");
    assert!(faults(&foreign).len() >= 5, "and no tokens");
}

fn answers_of_another_model_are_refused() {
    let path = WORLD.folder.path().join("another.jsonl");
    write(&path, "another model", &answers(load(&WORLD.other).1, 4, Generation::clone));
    let with = CalibrateArgs { answers: vec![path], ..args(&WORLD.model, 100) };
    let error = calibrate(&with, &mut |_| {}).expect_err("it is another model").to_string();
    assert!(error.contains("another model:") && error.contains("agree"), "{error}");
}

#[test]
fn a_model_that_is_sure_of_itself_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let sure = folder.path().join("sure");
    synthetic::tiny(&sure, Recipe { seed: 1, precision: synthetic::Precision::F32 }).expect("a model");
    // Logits a thousand times as large: the largest wins whatever the seed says.
    let path = sure.join("model.safetensors");
    let mut file = std::fs::read(&path).expect("weights");
    let length = u64::from_le_bytes(*file.first_chunk().expect("a header")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).expect("a header");
    let offset = |index: usize| {
        8 + length + header["lm_head.weight"]["data_offsets"][index].as_u64().expect("a number") as usize
    };
    for weight in file[offset(0)..offset(1)].as_chunks_mut::<4>().0 {
        *weight = (f32::from_le_bytes(*weight) * 1000.0).to_le_bytes();
    }
    std::fs::write(&path, file).expect("it can be written");
    let error = calibrate(&args(&sure, 100), &mut |_| {}).expect_err("nothing to measure").to_string();
    assert!(error.contains("nothing to chance"), "{error}");
}

/// `localnet up` has its validators judge by a table that was made once.
#[test]
fn the_table_of_localnet_fits_its_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../localnet/src/up/tiny.table.json");
    let table = tables::load(&path).expect("it is sound");
    assert!(table.strata.iter().all(|stratum| stratum.false_positive_ppm <= 1000), "3000 blocks of each kind");
    assert!(table.fingerprint.is_some());
    let folder = tempfile::tempdir().expect("a folder");
    let make = |name: &str, seed| {
        let path = folder.path().join(name);
        synthetic::tiny(&path, Recipe { seed, precision: synthetic::Precision::F32 }).expect("a model");
        path
    };
    let (served, other) = (make("tiny", 0), make("other", 3));
    let (model, _) = load(&served);
    tables::admit(&table, &incentive::task::ModelDigest(model.info.digest), &tables::checker())
        .expect("what `miner models make tiny` makes; if it changed: validator calibrate --model FOLDER --out FILE");
    for (variant, _) in variants::honest(None).into_iter().flatten() {
        let honest = answers_of(&served, model.load(&variant).expect("it loads"), 20, Generation::clone);
        assert_eq!(faults_by(&table, &served, &honest), [], "{}", variant.name);
    }
    let foreign = answers_of(&served, load(&other).1, 2, Generation::clone);
    assert!(faults_by(&table, &served, &foreign).len() >= 5, "another model's answers are refused");
}

#[test]
fn too_few_blocks_are_an_error() {
    let error = calibrate(&args(&WORLD.model, 99), &mut |_| {}).expect_err("too few").to_string();
    assert!(error.contains("100 at least") && error.contains("2995"), "{error}");
}
