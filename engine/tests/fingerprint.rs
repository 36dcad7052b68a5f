//! Fingerprints of real decoders: the same whatever stands beside an answer, and what they do and do not show.

use engine::generation::{Event, Events, Generation, Sampling};
use engine::model::{Arithmetic, Decoder, Segment, Want};
use engine::scheduler::{Limits, Scheduler};
use engine::synthetic::{Precision, Recipe, tiny};
use engine::{LoadOptions, Loaded, load};
use proof::fingerprint::forge::{constant, constant_channels};
use proof::fingerprint::{CHUNK, Distance, Fingerprint, bf16, chunks, distances};

/// Limits in use elsewhere.
fn passes(distance: &Distance) -> bool {
    distance.within(38, 10_000, 8)
}

fn model(seed: u64, slots: usize) -> Box<dyn Decoder> {
    computing(seed, slots, Arithmetic::F32)
}

fn computing(seed: u64, slots: usize, arithmetic: Arithmetic) -> Box<dyn Decoder> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    tiny(&path, Recipe { seed, precision: Precision::Bf16 }).expect("it is written");
    let options = LoadOptions { slots, context: Some(512), arithmetic, ..LoadOptions::default() };
    let Loaded { decoder, .. } = load(&path, &options).expect("it is loaded");
    decoder
}

fn generation(number: u32, max_tokens: usize) -> Generation {
    let sampling = Sampling {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        seed: [number as u8; 32],
    };
    let prompt = (0..3 + number * 17 % 60).map(|at| (at * at * 7 + number * 31) % 256).collect();
    Generation { prompt, sampling, max_tokens, stop: Vec::new(), top_logprobs: 0, states: true }
}

/// Tokens of an answer, and the states from which they were chosen.
fn read(mut events: Events) -> (Vec<u32>, Vec<u16>) {
    let (mut ids, mut states) = (Vec::new(), Vec::new());
    while let Event::Token { token, state } = events.blocking_recv().expect("an end").expect("an answer") {
        ids.push(token.id);
        states.extend(state);
    }
    (ids, states)
}

/// The states of a prefill from which the answer's tokens would be chosen.
fn prefilled(decoder: &mut dyn Decoder, prompt: &[u32], answer: &[u32]) -> Vec<u16> {
    decoder.truncate(0, 0);
    let ids = [prompt, answer].concat();
    let hidden = decoder.info().hidden;
    let output = decoder.forward(&[Segment { slot: 0, ids: &ids, want: Want::All }]).expect("it fits").remove(0);
    let rows = (prompt.len() - 1) * hidden..(ids.len() - 1) * hidden;
    output.hidden[rows].iter().copied().map(bf16).collect()
}

fn answers(decoder: Box<dyn Decoder>, prefill: usize, asked: &[Generation]) -> Vec<(Vec<u32>, Vec<u16>)> {
    let scheduler = Scheduler::start(decoder, Limits { prefill, ..Limits::default() }).expect("a thread");
    let events: Vec<_> = asked.iter().map(|asked| scheduler.submit(asked.clone()).expect("room")).collect();
    events.into_iter().map(read).collect()
}

#[test]
fn an_answer_has_the_fingerprint_that_a_prefill_has() {
    let asked: Vec<_> = (0..7).map(|number| generation(number, 20 + number as usize * 11)).collect();
    let mut alone = model(1, 1);
    let hidden = alone.info().hidden;
    for (slots, prefill) in [(1, 512), (4, 5)] {
        for (asked, (ids, states)) in asked.iter().zip(answers(model(1, slots), prefill, &asked)) {
            assert_eq!((ids.len(), states.len()), (asked.max_tokens, asked.max_tokens * hidden));
            let claimed = chunks(&states, hidden);
            assert_eq!(claimed.len(), asked.max_tokens.div_ceil(CHUNK));
            let expected = prefilled(&mut *alone, &asked.prompt, &ids);
            assert_eq!(claimed, chunks(&expected, hidden), "{slots} slots: not a bit depends on the batch");
        }
    }
}

#[test]
fn states_come_only_where_they_are_asked_for() {
    let [with, without] = [true, false].map(|states| Generation { states, ..generation(3, 9) });
    let both = answers(model(1, 2), 512, &[with, without]);
    assert_eq!(both[0].0, both[1].0);
    assert!(!both[0].1.is_empty() && both[1].1.is_empty());
}

/// An engine that computes in bf16 is an honest one.
#[test]
fn other_arithmetic_is_near() {
    let asked: Vec<_> = (0..6).map(|number| generation(number, 4 * CHUNK)).collect();
    let mut checker = model(1, 1);
    let hidden = checker.info().hidden;
    for (asked, (ids, states)) in asked.iter().zip(answers(computing(1, 4, Arithmetic::Bf16), 512, &asked)) {
        let own = prefilled(&mut *checker, &asked.prompt, &ids);
        let found = distances(&chunks(&states, hidden), &own, hidden, true).expect("four chunks");
        assert!(found.iter().all(passes), "{found:?}");
        assert!(found.iter().any(|distance| distance.mean > 0), "the two do differ");
    }
}

/// Why only whole chunks are measured: of few rows also small entries are among the largest.
#[test]
fn short_chunks_of_other_arithmetic_are_less_near() {
    let mut checker = model(1, 1);
    let hidden = checker.info().hidden;
    let mut furthest = |length: usize| {
        let asked: Vec<_> = (0..12).map(|number| generation(number, length)).collect();
        let all = asked.iter().zip(answers(computing(1, 4, Arithmetic::Bf16), 512, &asked));
        let mean = all.map(|(asked, (ids, states))| {
            let own = prefilled(&mut *checker, &asked.prompt, &ids);
            assert_eq!(
                distances(&chunks(&states, hidden), &own, hidden, true).map(|all| all.len()),
                Some(length / CHUNK)
            );
            Fingerprint::of(&states).distance(&own).mean
        });
        mean.max().expect("some answers")
    };
    assert!(furthest(1) > 2 * furthest(CHUNK));
}

/// Both sides round alike, whichever code they use.
#[test]
fn rounding_is_that_of_the_library() {
    for upper in 0..=u16::MAX {
        for lower in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
            let value = f32::from_bits(u32::from(upper) << 16 | lower);
            assert_eq!(bf16(value), half::bf16::from_f32(value).to_bits(), "{upper:x} {lower:x}");
        }
    }
}

/// A miner that runs another model, and does not run the true one.
#[test]
fn another_model_is_far() {
    let asked = generation(5, 3 * CHUNK);
    let (ids, states) = answers(model(2, 1), 512, std::slice::from_ref(&asked)).remove(0);
    let mut truth = model(1, 1);
    let hidden = truth.info().hidden;
    let own = prefilled(&mut *truth, &asked.prompt, &ids);
    let found = distances(&chunks(&states, hidden), &own, hidden, true).expect("three chunks");
    assert!(found.iter().all(|distance| !passes(distance)), "{found:?}");
    // Nor do the true model's states over another text pass.
    let other = prefilled(&mut *truth, &asked.prompt, &ids.iter().rev().copied().collect::<Vec<_>>());
    let found = distances(&chunks(&other, hidden), &own, hidden, true).expect("three chunks");
    assert!(found.iter().all(|distance| !passes(distance)), "{found:?}");
}

/// The weakness that makes a fingerprint a second factor: who writes with a cheap model and runs the true one once over what is
/// written, at the price of a prefill, has the true fingerprint. Whether the tokens are the true model's choice is what
/// `engine::check` says.
#[test]
fn a_prefill_of_foreign_text_is_not_found() {
    let asked = generation(6, 2 * CHUNK);
    let (ids, _) = answers(model(2, 1), 512, std::slice::from_ref(&asked)).remove(0);
    let mut cheat = model(1, 1);
    let hidden = cheat.info().hidden;
    let claimed = chunks(&prefilled(&mut *cheat, &asked.prompt, &ids), hidden);
    let own = prefilled(&mut *model(1, 1), &asked.prompt, &ids);
    let none = Distance { exponents: 0, signs: 0, mean: 0, median: 0 };
    assert_eq!(distances(&claimed, &own, hidden, true), Some(vec![none; 2]));
    let (honest, _) = answers(model(1, 1), 512, std::slice::from_ref(&asked)).remove(0);
    assert_ne!(honest, ids);
}

/// What constants, known from other answers, are worth against this model.
#[test]
fn constants_of_other_answers_fail_on_this_model() {
    let asked = [generation(7, 2 * CHUNK), generation(8, 2 * CHUNK)];
    let both = answers(model(1, 2), 512, &asked);
    let hidden = model(1, 1).info().hidden;
    for (seen, said) in [(&both[0].1, &both[1].1), (&both[1].1, &both[0].1)] {
        let forged = constant_channels(seen, hidden);
        for (forged, said) in forged.chunks(CHUNK * hidden).zip(said.chunks(CHUNK * hidden)) {
            let distance = Fingerprint::of(forged).distance(said);
            assert!(!passes(&distance), "{distance:?}");
            let distance = constant(said).distance(said);
            assert!(!passes(&distance), "{distance:?}");
        }
    }
}
