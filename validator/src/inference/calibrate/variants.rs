//! Engines that answer during a calibration: honest ones that compute alike, and cheats to weigh evidence by.

use std::num::NonZeroUsize;

use engine::model::{Arithmetic, LoadOptions, Precision};

/// A way to compute answers with this program.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// For people, and what its requests are derived from.
    pub name: String,
    /// Sequences at once.
    slots: usize,
    /// As many as the processor has where none are named.
    threads: Option<NonZeroUsize>,
    arithmetic: Arithmetic,
    path: Option<engine::Path>,
    precision: Option<Precision>,
    /// What the temperature is multiplied by without saying so, in thousandths.
    pub heat: u32,
}

/// Honest engines whose noise is the same, each with its part of the family's blocks.
pub type Family = Vec<(Variant, u64)>;

impl Variant {
    /// The claimed model as the checker holds it, eight answers at once.
    #[must_use]
    pub fn new(name: &str, precision: Option<Precision>) -> Self {
        Self {
            name: name.to_owned(),
            slots: 8,
            threads: None,
            arithmetic: Arithmetic::F32,
            path: None,
            precision,
            heat: 1000,
        }
    }

    /// How its model is loaded.
    #[must_use]
    pub fn options(&self, context: usize) -> LoadOptions<'_> {
        LoadOptions {
            precision: self.precision,
            slots: self.slots,
            context: Some(context),
            threads: self.threads,
            arithmetic: self.arithmetic,
            path: self.path,
            ..LoadOptions::default()
        }
    }
}

/// All honest families of this machine. Batch and threads change no bit of a logit here, so they share a family; other
/// instructions add in another order; bf16 is what engines on devices compute in.
#[must_use]
pub fn honest(precision: Option<Precision>) -> Vec<Family> {
    let of = |name| Variant::new(name, precision);
    let one = NonZeroUsize::new(1);
    let mut families = vec![vec![
        (of("decoding 8 at once on all threads against prefill"), 2),
        (Variant { slots: 1, threads: one, ..of("decoding 1 at once on 1 thread against prefill") }, 1),
        (Variant { threads: one, ..of("decoding 8 at once on 1 thread against prefill") }, 1),
    ]];
    let best = engine::Path::best();
    if let Some(path) = engine::Path::ALL.into_iter().find(|path| *path != best && path.is_available()) {
        let name = format!("decoding with {path} against prefill with {best}");
        families.push(vec![(Variant { path: Some(path), ..Variant::new(&name, precision) }, 1)]);
    }
    let bf16 = Variant { arithmetic: Arithmetic::Bf16, ..of("decoding with bf16 activations against prefill with f32") };
    families.push(vec![(bf16, 1)]);
    families
}

/// Cheats that are mild enough to weigh evidence by. `held` is the precision of the claimed model.
#[must_use]
pub fn mild(precision: Option<Precision>, held: &str) -> Vec<Variant> {
    let coarser = match held {
        "f32" | "bf16" | "f16" => Some(Precision::Q8_0),
        "q8_0" => Some(Precision::Q4K),
        _ => None,
    };
    let weights = coarser.map(|coarser| Variant::new(&format!("{coarser} weights"), Some(coarser)));
    let heat = |name, heat| Variant { heat, ..Variant::new(name, precision) };
    let temperatures = [heat("temperature times 0.9", 900), heat("temperature times 0.8", 800)];
    weights.into_iter().chain(temperatures).collect()
}
