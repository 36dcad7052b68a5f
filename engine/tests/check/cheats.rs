//! What an answer shows of how it was made.

use engine::generation::Sampling;
use engine::model::{LoadOptions, Precision};

use super::{Answered, Model, Summary, bf16, f32, sampling, summary};

/// What honest answers of another arithmetic come to, and what these do.
fn beside_honest(made: impl Fn(&Model) -> Vec<Answered>) -> (Summary, Summary) {
    let model = Model::new(1);
    let mut checker = model.checker();
    let honest = model.answers(model.load(bf16()), 24, sampling);
    let honest = summary(&honest, |answered| answered.check(&mut *checker));
    let made = summary(&made(&model), |answered| answered.check(&mut *checker));
    println!("honest {honest:?}\nmade   {made:?}");
    assert!(honest.agreed > 0.98 && honest.largest < 0.005 && honest.excluded == 0, "{honest:?}");
    (honest, made)
}

/// Answers that were made under parameters that nobody asked for.
fn with(model: &Model, change: impl Fn(Sampling) -> Sampling) -> Vec<Answered> {
    let mut answers = model.answers(model.load(f32()), 24, |number| change(sampling(number)));
    answers.iter_mut().zip(0..).for_each(|(answered, number)| answered.sampling = sampling(number));
    answers
}

#[test]
fn another_model() {
    let (_, made) = beside_honest(|model| model.answers(Model::new(2).load(f32()), 24, sampling));
    assert!(made.agreed < 0.2 && made.mean > 0.5, "{made:?}");
}

#[test]
fn a_prompt_cut_short() {
    let (_, made) = beside_honest(|model| {
        let mut answers = model.answers(model.load(f32()), 24, sampling);
        answers.iter_mut().for_each(|answered| answered.prompt.extend([1, 2, 3]));
        answers
    });
    assert!(made.mean > 0.3, "{made:?}");
}

#[test]
fn another_seed() {
    let (_, made) = beside_honest(|model| with(model, |sampling| Sampling { seed: [9; 32], ..sampling }));
    assert!(made.agreed < 0.6 && made.mean > 0.3, "{made:?}");
}

#[test]
fn a_lower_temperature() {
    let (honest, made) =
        beside_honest(|model| with(model, |sampling| Sampling { temperature: sampling.temperature * 0.8, ..sampling }));
    assert!(made.mean > 100.0 * honest.mean && made.agreed < honest.agreed, "{honest:?} {made:?}");
}

#[test]
fn no_cut() {
    let (_, made) = beside_honest(|model| with(model, |sampling| Sampling { top_k: 0, top_p: 1.0, ..sampling }));
    assert!(made.excluded > 20, "{made:?}");
}

#[test]
fn no_penalties() {
    let plain = |sampling| Sampling { presence_penalty: 0.0, frequency_penalty: 0.0, ..sampling };
    let (honest, made) = beside_honest(|model| with(model, plain));
    assert!(made.mean > 20.0 * honest.mean, "{honest:?} {made:?}");
}

#[test]
fn eight_bit_weights() {
    let options = || LoadOptions { precision: Some(Precision::Q8_0), ..f32() };
    let (honest, made) = beside_honest(|model| model.answers(model.load(options()), 24, sampling));
    assert!(made.mean > 10.0 * honest.mean, "{honest:?} {made:?}");
}
