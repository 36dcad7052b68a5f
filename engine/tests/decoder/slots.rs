//! Slots side by side: a sequence's numbers do not depend on its neighbours, on cuts, or on shared prefixes.

use engine::model::{Decoder, ModelError, Output, Precision, Segment, Want, random};
use proptest::prelude::*;

use super::{options, shape};

fn decoder(architecture: &str, precision: Precision, slots: usize) -> Box<dyn Decoder> {
    random(&shape(architecture), 7, &options(Some(precision), slots)).expect("it fits")
}

fn sequence(length: usize, seed: u32) -> Vec<u32> {
    (0..length as u32).map(|index| (index * index + 31 * index * seed + seed) % 90).collect()
}

/// Logits of a whole sequence in one call on an empty slot.
fn alone(decoder: &mut dyn Decoder, slot: usize, ids: &[u32]) -> Vec<f32> {
    whole(decoder, slot, ids).logits
}

fn whole(decoder: &mut dyn Decoder, slot: usize, ids: &[u32]) -> Output {
    decoder.truncate(slot, 0);
    decoder.forward(&[Segment { slot, ids, want: Want::All }]).expect("it runs").remove(0)
}

#[test]
fn a_batch_gives_each_sequence_the_bits_that_it_has_alone() {
    for precision in Precision::ALL {
        let mut decoder = decoder("mistral", precision, 9);
        let sequences: Vec<_> = (0..9).map(|slot| sequence(1 + slot * 37, slot as u32)).collect();
        let expected: Vec<_> = sequences.iter().map(|ids| alone(&mut *decoder, 8, ids)).collect();
        (0..9).for_each(|slot| decoder.truncate(slot, 0));
        let batch: Vec<_> =
            sequences.iter().enumerate().map(|(slot, ids)| Segment { slot, ids, want: Want::All }).collect();
        let outputs = decoder.forward(&batch).expect("it runs");
        for (output, expected) in outputs.iter().zip(&expected) {
            assert!(output.logits == *expected, "{precision}");
        }
        // One step for all of them, then each of them alone.
        let batch: Vec<_> = (0..9).map(|slot| Segment { slot, ids: &[5], want: Want::Last }).collect();
        let steps = decoder.forward(&batch).expect("it runs");
        for (slot, step) in steps.iter().enumerate() {
            let ids: Vec<_> = sequences[slot].iter().copied().chain([5]).collect();
            let whole = whole(&mut *decoder, slot, &ids);
            assert!(whole.logits.ends_with(&step.logits), "{precision}, slot {slot}");
            assert_eq!(step.hidden.len(), decoder.info().hidden);
            assert!(whole.hidden.ends_with(&step.hidden), "{precision}, slot {slot}");
        }
    }
}

#[test]
fn threads_do_not_matter() {
    let ids = sequence(50, 5);
    let [one, three] = [1, 3].map(|threads| {
        let options =
            engine::LoadOptions { threads: std::num::NonZeroUsize::new(threads), ..options(Some(Precision::Q4K), 1) };
        alone(&mut *random(&shape("qwen3"), 7, &options).expect("it fits"), 0, &ids)
    });
    assert!(one == three);
}

#[test]
fn a_shared_prefix_is_worth_its_tokens() {
    let mut decoder = decoder("qwen3", Precision::F32, 3);
    let prefix = sequence(75, 3);
    alone(&mut *decoder, 0, &prefix);
    for length in [0, 1, 16, 70, 75] {
        decoder.share_prefix(0, 2, length).expect("it is there");
        assert_eq!(decoder.length(2), length);
        let tail = sequence(20, 4);
        let output = decoder.forward(&[Segment { slot: 2, ids: &tail, want: Want::All }]).expect("it runs").remove(0);
        let whole: Vec<_> = prefix[..length].iter().chain(&tail).copied().collect();
        assert!(alone(&mut *decoder, 1, &whole).ends_with(&output.logits), "{length}");
    }
    assert!(decoder.share_prefix(0, 1, 76).is_err());
    assert!(decoder.share_prefix(3, 1, 1).is_err());
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let mut decoder = decoder("llama", Precision::F32, 2);
    let ids = sequence(500, 1);
    let before = alone(&mut *decoder, 0, &ids[..40]);
    let all = |slot, ids| Segment { slot, ids, want: Want::All };
    let refused: [Vec<Segment<'_>>; 5] = [
        vec![all(1, &ids[..3]), all(0, &ids)],
        vec![all(1, &ids[..3]), all(1, &ids[..3])],
        vec![all(1, &ids[..3]), all(2, &ids[..3])],
        vec![all(1, &ids[..3]), all(0, &[])],
        vec![all(1, &ids[..3]), all(0, &[90])],
    ];
    for (index, batch) in refused.iter().enumerate() {
        let error = decoder.forward(batch).expect_err("it is refused");
        assert_eq!(matches!(error, ModelError::Context { tokens: 540, context: 512 }), index == 0, "{error}");
        assert_eq!([decoder.length(0), decoder.length(1)], [40, 0]);
    }
    assert!(alone(&mut *decoder, 0, &ids[..40]) == before);
    let output = decoder.forward(&[Segment { slot: 1, ids: &ids[..3], want: Want::Nothing }]).expect("it runs");
    assert!(output[0].logits.is_empty());
}

#[test]
fn what_does_not_fit_the_memory_is_refused_before_it_is_read() {
    let options = engine::LoadOptions { memory_limit: Some(1 << 20), ..options(None, 4) };
    let Err(ModelError::Memory { needed, available, .. }) = random(&shape("llama"), 7, &options) else {
        panic!("it is refused")
    };
    assert!(needed > available && available == 1 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// However a sequence is cut into segments and taken back, and whatever runs beside it.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec((1_usize..60, 0_usize..30, 0_usize..40), 1..8)) {
        let mut decoder = decoder("qwen2", Precision::Q8_0, 2);
        let ids = sequence(500, 2);
        let expected = alone(&mut *decoder, 0, &ids[..300]);
        decoder.truncate(0, 0);
        for (step, back, beside) in cuts {
            let from = decoder.length(0);
            let until = (from + step).min(300);
            let mut batch = vec![];
            let neighbour = sequence(beside, 9);
            if decoder.length(1) + beside > 500 { decoder.truncate(1, 0) }
            if beside > 0 { batch.push(Segment { slot: 1, ids: &neighbour, want: Want::Last }) }
            if until > from { batch.push(Segment { slot: 0, ids: &ids[from..until], want: Want::All }) }
            let output = decoder.forward(&batch).expect("it runs").pop();
            if until > from {
                prop_assert!(output.expect("an output").logits == expected[from * 90..until * 90]);
            }
            decoder.truncate(0, until.saturating_sub(back));
        }
    }
}
