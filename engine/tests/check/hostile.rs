//! Claims that are no sequences of the model, and what a check may hold at once.

use engine::check::{CheckError, Claim, check};
use engine::generation::Sampling;
use engine::model::{Decoder, ModelError, ModelInfo, Output, Segment, Want};
use engine::sampler::SamplerError;
use engine::scheduler::Stub;

use super::sampling;

const VOCABULARY: usize = 300;
const CONTEXT: usize = 64;

fn stub() -> Stub {
    Stub::new(VOCABULARY, CONTEXT, 2)
}

fn claim<'a>(prompt: &'a [u32], answer: &'a [u32], sampling: &'a Sampling) -> Claim<'a> {
    Claim { prompt, answer, sampling, stop: &[], hidden: true }
}

#[test]
fn what_is_no_sequence_is_refused() {
    let (sampling, long) = (sampling(0), vec![1; CONTEXT]);
    let refused: [(&[u32], &[u32], &str); 7] = [
        (&[], &[1], "prompt is empty"),
        (&[1], &[], "answer is empty"),
        (&[300], &[1], "300 is no token"),
        (&[1], &[2, u32::MAX], "4294967295 is no token"),
        (&long, &[1], "65 tokens"),
        (&[1], &long, "65 tokens"),
        (&[], &[], "prompt is empty"),
    ];
    let mut decoder = stub();
    for (prompt, answer, words) in refused {
        match check(&mut decoder, 0, &claim(prompt, answer, &sampling)) {
            Err(CheckError::Claim(text)) => assert!(text.contains(words), "{text}"),
            other => panic!("{other:?} for {words}"),
        }
        assert_eq!(decoder.length(0), 0, "nothing was computed");
    }
    assert!(matches!(check(&mut decoder, 2, &claim(&[1], &[1], &sampling)), Err(CheckError::Claim(_))));
    let whole = &long[1..];
    assert_eq!(check(&mut decoder, 1, &claim(&[1], whole, &sampling)).expect("it just fits").tokens.len(), whole.len());
}

#[test]
fn parameters_out_of_range_are_refused() {
    let base = sampling(0);
    for bad in [
        Sampling { temperature: f32::NAN, ..base.clone() },
        Sampling { temperature: 1e-9, ..base.clone() },
        Sampling { top_p: 0.0, ..base.clone() },
        Sampling { frequency_penalty: f32::INFINITY, ..base },
    ] {
        let found = check(&mut stub(), 0, &claim(&[1], &[2], &bad));
        assert!(matches!(found, Err(CheckError::Sampler(SamplerError::Params(_)))), "{found:?}");
    }
}

#[test]
fn a_slot_is_emptied_before() {
    let (sampling, mut decoder) = (sampling(1), stub());
    let mut check =
        |prompt: &[u32]| check(&mut decoder, 0, &claim(prompt, &[5, 6, 7], &sampling)).expect("a sound claim");
    let first = check(&[1, 2, 3]);
    check(&[4; 30]);
    assert_eq!(check(&[1, 2, 3]), first);
}

/// Remembers the largest answer, and can answer wrongly.
struct Watched {
    stub: Stub,
    largest: usize,
    wrong: fn(&mut Output),
}

impl Decoder for Watched {
    fn info(&self) -> &ModelInfo {
        self.stub.info()
    }

    fn slots(&self) -> usize {
        self.stub.slots()
    }

    fn length(&self, slot: usize) -> usize {
        self.stub.length(slot)
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut outputs = self.stub.forward(batch)?;
        for (segment, output) in batch.iter().zip(&mut outputs) {
            self.largest = self.largest.max(output.logits.len());
            if segment.want == Want::All {
                (self.wrong)(output);
            }
        }
        Ok(outputs)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        self.stub.truncate(slot, length);
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        self.stub.share_prefix(from, to, length)
    }
}

#[test]
fn memory_is_bounded_whatever_the_vocabulary() {
    let sampling = sampling(0);
    for vocabulary in [2000, 40_000, 128_256] {
        let mut watched = Watched { stub: Stub::new(vocabulary, 600, 1), largest: 0, wrong: |_| {} };
        let answer = vec![7; 300];
        let checked = check(&mut watched, 0, &claim(&[1; 200], &answer, &sampling)).expect("a sound claim");
        assert_eq!((checked.tokens.len(), checked.hidden.len()), (300, 300));
        assert!(watched.largest * 4 <= 32 << 20, "{} logits of {vocabulary}", watched.largest);
    }
}

#[test]
fn a_model_that_fails_is_no_verdict() {
    let sampling = sampling(0);
    let wrongs: [fn(&mut Output); 3] =
        [|output| output.logits[3] = f32::NAN, |output| output.logits.truncate(10), |output| output.logits.clear()];
    for wrong in wrongs {
        let mut watched = Watched { stub: stub(), largest: 0, wrong };
        let found = check(&mut watched, 0, &claim(&[1, 2], &[3, 4], &sampling));
        assert!(matches!(found, Err(CheckError::Sampler(_))), "{found:?}");
    }
}
