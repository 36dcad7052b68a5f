//! Models for tests and measurements, as Hugging Face folders: small ones with random weights, one that is really trained,
//! large ones that are as slow as real ones. Nothing is downloaded.
//!
//! Random weights and the tokenizer are the same bytes for the same recipe on every machine: integers from a stream
//! cipher, and of floating point only what IEEE 754 fixes. Training is repeatable on one machine; another processor or
//! number of threads may add in another order.

mod folder;
mod random;
mod shape;
mod shards;
mod tokenizer;
mod train;

use std::path::Path;

pub use folder::MakeError;
pub use train::Trained;

use folder::Folder;
use random::Random;
use shape::Shape;
use shards::Weights;

/// What a made model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// All random choices follow from it.
    pub seed: u64,
    /// How weights are written.
    pub precision: Precision,
}

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// The upper half of an f32, rounded to nearest even.
    Bf16,
}

/// Makes a random decoder of a quarter of a million weights, of the Llama family. Its answers make no sense, but its
/// next-token entropy is that of a real one (about 2 nats).
///
/// # Errors
/// When the folder exists already or cannot be written.
pub fn tiny(folder: &Path, recipe: Recipe) -> Result<(), MakeError> {
    random_model(folder, recipe, &Shape::tiny(), &mut |_| {})
}

/// Makes a random decoder with weights of at least so many bytes, in shards, for measurements of time. `progress` is told
/// each file.
///
/// # Errors
/// When the folder exists already or cannot be written.
pub fn large(folder: &Path, recipe: Recipe, bytes: u64, progress: &mut dyn FnMut(&str)) -> Result<(), MakeError> {
    random_model(folder, recipe, &Shape::large(bytes, recipe.precision), progress)
}

/// Trains a decoder of two million weights for so many steps on text of this project. `progress` is told the loss.
///
/// # Errors
/// When the folder exists already or cannot be written, or the numeric library fails.
pub fn trained(
    folder: &Path,
    recipe: Recipe,
    steps: usize,
    progress: &mut dyn FnMut(&str),
) -> Result<Trained, MakeError> {
    let mut to = Folder::create(folder)?;
    let corpus = train::Corpus::new(Shape::trained())?;
    let (weights, trained) = train::run(&corpus, recipe.seed, steps, progress)?;
    to.write(&corpus.shape, &corpus.tokenizer, &weights, recipe.precision, progress)?;
    to.commit()?;
    Ok(trained)
}

fn random_model(folder: &Path, recipe: Recipe, shape: &Shape, progress: &mut dyn FnMut(&str)) -> Result<(), MakeError> {
    let mut to = Folder::create(folder)?;
    let tokenizer = tokenizer::train(shape.vocabulary, &[tokenizer::PROSE, tokenizer::LICENSE])?;
    let weights = Weights::Random(Random::new(recipe.seed));
    to.write(shape, &tokenizer, &weights, recipe.precision, progress)?;
    to.commit()
}
