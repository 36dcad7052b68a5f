//! Honest engines whose kernels are really different.

use engine::Path;
use engine::model::{Arithmetic, Decoder, LoadOptions, ModelError, ModelInfo, Output, Segment};

use super::{Model, bf16, f32, sampling, summary};

#[test]
fn the_same_engine_has_no_margin() {
    let model = Model::new(1);
    let answers = model.answers(model.load(f32()), 24, sampling);
    let mut checker = model.checker();
    let found = summary(&answers, |answered| answered.check(&mut *checker));
    // Decoding eight at a time and one prefill have the same bits here: a statement about our engine, not about noise.
    assert_eq!((found.agreed, found.largest, found.excluded), (1.0, 0.0, 0), "{found:?}");
}

#[test]
fn other_instructions_are_honest() {
    let model = Model::new(1);
    let mut checker = model.checker();
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        let answers = model.answers(model.load(LoadOptions { path: Some(path), ..f32() }), 24, sampling);
        let found = summary(&answers, |answered| answered.check(&mut *checker));
        println!("{path}: {found:?}");
        assert!(found.agreed > 0.999 && found.largest < 1e-4 && found.excluded == 0, "{path}: {found:?}");
    }
}

#[test]
fn bf16_activations_are_honest_and_not_the_same() {
    let model = Model::new(1);
    let mut checker = model.checker();
    let mut found = Vec::new();
    for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
        let answers = model.answers(model.load(LoadOptions { arithmetic, ..bf16() }), 48, sampling);
        found.push(summary(&answers, |answered| answered.check(&mut *checker)));
    }
    println!("{found:?}");
    assert_eq!(found[0].agreed, 1.0, "bf16 weights are widened without loss");
    assert!((0.98..1.0).contains(&found[1].agreed) && found[1].largest < 0.005, "{found:?}");
    assert_eq!(found[1].excluded, 0, "the edges of top-k and top-p have room for it");
}

/// Rounds logits to bf16 after the LM head, as some engines do by default.
struct Rounded(Box<dyn Decoder>);

impl Decoder for Rounded {
    fn info(&self) -> &ModelInfo {
        self.0.info()
    }

    fn slots(&self) -> usize {
        self.0.slots()
    }

    fn length(&self, slot: usize) -> usize {
        self.0.length(slot)
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let mut outputs = self.0.forward(batch)?;
        for logit in outputs.iter_mut().flat_map(|output| &mut output.logits) {
            *logit = half::bf16::from_f32(*logit).to_f32();
        }
        Ok(outputs)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        self.0.truncate(slot, length);
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        self.0.share_prefix(from, to, length)
    }
}

#[test]
fn rounded_logits_are_another_sampler() {
    let model = Model::new(1);
    let mut checker = model.checker();
    let mut of = |decoder| {
        let answers = model.answers(decoder, 48, sampling);
        summary(&answers, |answered| answered.check(&mut *checker))
    };
    let rounded = of(Box::new(Rounded(model.load(f32()))));
    let activations = of(model.load(bf16()));
    println!("{rounded:?} {activations:?}");
    assert!(rounded.agreed < 0.999 && rounded.mean > 0.0, "{rounded:?}");
}
