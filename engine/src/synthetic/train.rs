//! Training of a small decoder, on the processor, in a few minutes.

mod network;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand_chacha::rand_core::RngCore;
use tokenizers::Tokenizer;

use super::folder::MakeError;
use super::random::Random;
use super::shape::Shape;
use super::shards::Weights;
use super::tokenizer::{self, END_OF_TURN, LICENSE, PROSE, START_OF_TURN};
use network::Network;

/// Sequences of a step, and their length.
const BATCH: usize = 12;
const LENGTH: usize = 128;
/// The largest step, after the first ones and before it falls.
const RATE: f64 = 3e-3;
const WARM_UP: usize = 20;
/// Of each matrix that adds to the residual stream, so that the first loss is that of a uniform guess.
const START: f64 = 0.2;

/// Source of this crate and of those below it: text of the project, and a change of it builds this crate anew anyway.
const SOURCES: [&str; 34] = [
    include_str!("../../../proof/src/chain.rs"),
    include_str!("../../../proof/src/digest.rs"),
    include_str!("../../../proof/src/kernel.rs"),
    include_str!("../../../proof/src/merkle.rs"),
    include_str!("../../../proof/src/opening.rs"),
    include_str!("../../../proof/src/rows.rs"),
    include_str!("../../../proof/src/sample.rs"),
    include_str!("../../../proof/src/shape.rs"),
    include_str!("../../../proof/src/solver.rs"),
    include_str!("../../../proof/src/verify.rs"),
    include_str!("../../../proof/src/weights.rs"),
    include_str!("../../../proof/src/window.rs"),
    include_str!("../../../incentive/src/board.rs"),
    include_str!("../../../incentive/src/policy.rs"),
    include_str!("../../../incentive/src/score.rs"),
    include_str!("../../../incentive/src/units.rs"),
    include_str!("../../../incentive/src/verdict.rs"),
    include_str!("../../../incentive/src/weights.rs"),
    include_str!("../compute.rs"),
    include_str!("../compute/batch.rs"),
    include_str!("../compute/case.rs"),
    include_str!("../compute/kernel.rs"),
    include_str!("../compute/layer.rs"),
    include_str!("../compute/panel.rs"),
    include_str!("../embedding.rs"),
    include_str!("../embedding/bert.rs"),
    include_str!("../generation.rs"),
    include_str!("../model.rs"),
    include_str!("../text.rs"),
    include_str!("../text/chat.rs"),
    include_str!("../text/detokenizer.rs"),
    include_str!("../text/special.rs"),
    include_str!("../text/stop.rs"),
    include_str!("../text/template.rs"),
];

/// What training came to, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trained {
    /// Loss before, on text that is not trained on.
    pub before: f32,
    /// Loss after, on the same.
    pub after: f32,
    /// Loss on the text that was trained on.
    pub fitted: f32,
}

/// Text as tokens, most of it to train on.
pub(super) struct Corpus {
    pub(super) shape: Shape,
    pub(super) tokenizer: Tokenizer,
    seen: Vec<u32>,
    unseen: Vec<u32>,
}

impl Corpus {
    /// The last of the sources and half of the license are held back. Questions and answers appear as conversations, often.
    pub(super) fn new(shape: Shape) -> Result<Self, MakeError> {
        let texts = [&[PROSE, LICENSE], &SOURCES[..]].concat();
        let tokenizer = tokenizer::train(shape.vocabulary, &texts)?;
        let (kept, held) = LICENSE.split_at(LICENSE.len() / 2);
        let mut seen = conversations(PROSE).repeat(3);
        let (last, sources) = SOURCES.split_last().expect("not empty");
        for text in [&[PROSE, kept], sources].concat() {
            seen += text;
        }
        let ids = |text: &str| {
            let encoding = tokenizer.encode_fast(text, false).map_err(|e| MakeError::Tokenizer(e.to_string()))?;
            Ok::<_, MakeError>(encoding.get_ids().to_vec())
        };
        Ok(Self { seen: ids(&seen)?, unseen: ids(&format!("{last}{held}"))?, tokenizer, shape })
    }

    /// Sequences and what follows each of their tokens, beginning at these places.
    fn batch(tokens: &[u32], begins: &[usize]) -> candle_core::Result<(Tensor, Tensor)> {
        let rows = |shift: usize| {
            let row = |&begin: &usize| tokens[begin + shift..][..LENGTH].iter().copied();
            Tensor::from_vec(begins.iter().flat_map(row).collect(), (begins.len(), LENGTH), &Device::Cpu)
        };
        Ok((rows(0)?, rows(1)?))
    }

    /// Mean loss over places that cover the tokens evenly.
    fn loss(&self, network: &Network, tokens: &[u32]) -> candle_core::Result<f32> {
        let places = (tokens.len() - 1) / LENGTH;
        let begins: Vec<_> = (0..places.min(24)).map(|place| place * places.div_ceil(24).max(1) * LENGTH).collect();
        let begins: Vec<_> = begins.into_iter().filter(|begin| begin + LENGTH < tokens.len()).collect();
        let (ids, next) = Self::batch(tokens, &begins)?;
        network.loss(&ids, &next)?.to_scalar()
    }
}

/// Turns of the prose, in ChatML.
fn conversations(prose: &str) -> String {
    let turn = |role: &str, text: &str| format!("{START_OF_TURN}{role}\n{text}{END_OF_TURN}\n");
    let line = |line: &str| match line.split_once(": ") {
        Some(("Q", text)) => turn("user", text),
        Some(("A", text)) => turn("assistant", text),
        _ => String::new(),
    };
    prose.lines().map(line).collect()
}

/// Trains, and says how it went.
pub(super) fn run(
    corpus: &Corpus,
    seed: u64,
    steps: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<(Weights, Trained), MakeError> {
    let random = Random::new(seed);
    let vars = corpus.shape.plans().into_iter().map(|mut plan| {
        plan.deviation = plan.deviation.map(|_| START / (corpus.shape.hidden as f64).sqrt());
        let var = Var::from_vec(random.weights(&plan), plan.shape.as_slice(), &Device::Cpu)?;
        Ok((plan.name, var))
    });
    let vars: Vec<(String, Var)> = vars.collect::<candle_core::Result<_>>()?;
    let network = Network::new(&corpus.shape, LENGTH, |name| {
        vars.iter().find(|var| var.0 == name).map(|var| var.1.as_tensor().clone())
    })?;
    let before = corpus.loss(&network, &corpus.unseen)?;
    progress(&format!("{} tokens, {steps} steps; loss of unseen text {before:.3}", corpus.seen.len()));

    let settings = ParamsAdamW { lr: RATE, weight_decay: 0.05, beta2: 0.99, ..Default::default() };
    let mut optimizer = AdamW::new(vars.iter().map(|var| var.1.clone()).collect(), settings)?;
    let mut places = random.stream("places");
    for step in 0..steps {
        let place = |_| (places.next_u64() % (corpus.seen.len() - LENGTH) as u64) as usize;
        let begins: Vec<_> = (0..BATCH).map(place).collect();
        let (ids, next) = Corpus::batch(&corpus.seen, &begins)?;
        let loss = network.loss(&ids, &next)?;
        optimizer.set_learning_rate(rate(step, steps));
        optimizer.backward_step(&loss)?;
        if (step + 1) % 20 == 0 {
            progress(&format!("step {} of {steps}: loss {:.3}", step + 1, loss.to_scalar::<f32>()?));
        }
    }
    let after = corpus.loss(&network, &corpus.unseen)?;
    let trained = Trained { before, after, fitted: corpus.loss(&network, &corpus.seen)? };
    let weights = vars
        .iter()
        .map(|(name, var)| Ok((name.clone(), var.as_tensor().to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)));
    Ok((Weights::Known(weights.collect::<candle_core::Result<_>>()?), trained))
}

/// Rises, then falls to a tenth along a straight line.
fn rate(step: usize, steps: usize) -> f64 {
    let rise = ((step + 1) as f64 / WARM_UP as f64).min(1.0);
    RATE * rise * (1.0 - 0.9 * step as f64 / steps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean next-token entropy over a few prompts, in nats.
    fn entropy(weights: &Random, shape: &Shape) -> f64 {
        const LENGTH: usize = 64;
        let tensor = |name: &str| {
            let plan = shape.plans().into_iter().find(|plan| plan.name == name)?;
            Tensor::from_vec(weights.weights(&plan), plan.shape.as_slice(), &Device::Cpu).ok()
        };
        let network = Network::new(shape, LENGTH, tensor).expect("a network");
        let tokenizer = tokenizer::train(shape.vocabulary, &[PROSE, LICENSE]).expect("a tokenizer");
        let ids = tokenizer.encode_fast(PROSE, false).expect("tokens").get_ids()[..8 * LENGTH].to_vec();
        let ids = Tensor::from_vec(ids, (8, LENGTH), &Device::Cpu).expect("tokens");
        let logits = network.logits(&ids).expect("logits");
        let log = candle_nn::ops::log_softmax(&logits, candle_core::D::Minus1).expect("probabilities");
        let rows = log.to_vec2::<f32>().expect("probabilities");
        let row = |row: &Vec<f32>| -row.iter().map(|&log| f64::from(log).exp() * f64::from(log)).sum::<f64>();
        rows.iter().map(row).sum::<f64>() / rows.len() as f64
    }

    #[test]
    fn random_models_are_as_sure_as_real_ones() {
        for seed in 0..4 {
            let entropy = entropy(&Random::new(seed), &Shape::tiny());
            println!("seed {seed}: {entropy:.3} nats");
            assert!((1.5..2.5).contains(&entropy), "{entropy}");
        }
    }

    #[test]
    fn training_learns_and_repeats() {
        let shape = Shape { hidden: 32, layers: 1, heads: 2, kv_heads: 1, inner: 64, ..Shape::trained() };
        let corpus = Corpus::new(shape).expect("a corpus");
        let mut said = Vec::new();
        let mut train = |seed, steps| {
            let (weights, trained) =
                run(&corpus, seed, steps, &mut |line| said.push(line.to_string())).expect("trained");
            let Weights::Known(weights) = weights else { panic!("random weights") };
            (weights, trained)
        };
        let (weights, trained) = train(1, 20);
        assert!((trained.before - (1024_f32).ln()).abs() < 0.2, "a guess at first: {trained:?}");
        assert!(trained.after < trained.before - 0.1 && trained.fitted < trained.before - 0.1, "{trained:?}");
        assert_eq!(train(1, 20), (weights.clone(), trained));
        assert_ne!(train(2, 1).0, weights);
        assert!(said.iter().any(|line| line.contains("step 20 of 20")), "{said:?}");
    }
}
