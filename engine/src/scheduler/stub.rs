//! A decoder without a model, for measuring and testing everything around one.

use std::time::Duration;

use crate::model::{Decoder, ModelError, ModelInfo, Output, Segment, Want};

/// Logits are a hash of the sequence: the same for the same tokens, whatever else is computed, and different for any
/// others. It takes its time asleep, so that what it costs is what surrounds it.
#[derive(Clone, Debug)]
pub struct Stub {
    info: ModelInfo,
    /// For each slot the hash after each of its tokens.
    slots: Vec<Vec<u64>>,
    step: Duration,
    token: Duration,
}

impl Stub {
    /// A decoder with this many tokens, places and slots, as fast as it can.
    #[must_use]
    pub fn new(vocabulary: usize, context: usize, slots: usize) -> Self {
        let info = ModelInfo {
            architecture: "stub".into(),
            precision: "f32".into(),
            digest: *blake3::hash(b"stub").as_bytes(),
            vocabulary,
            hidden: 1,
            context,
            parameters: 0,
        };
        Self { info, slots: vec![Vec::new(); slots], step: Duration::ZERO, token: Duration::ZERO }
    }

    /// Every pass takes `step`, and `token` for each token in it.
    #[must_use]
    pub const fn with_pace(mut self, step: Duration, token: Duration) -> Self {
        (self.step, self.token) = (step, token);
        self
    }

    fn row(&self, hash: u64) -> impl Iterator<Item = f32> + use<> {
        // Multiples of 2^-20 from -8 to 8.
        (0..self.info.vocabulary as u64).map(move |id| ((mix(hash ^ mix(id)) >> 40) as f32 - 8_388_608.0) / 1_048_576.0)
    }
}

impl Decoder for Stub {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn length(&self, slot: usize) -> usize {
        self.slots[slot].len()
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        for segment in batch {
            let tokens = self.slots[segment.slot].len() + segment.ids.len();
            if tokens > self.info.context {
                return Err(ModelError::Context { tokens, context: self.info.context });
            }
        }
        let tokens: usize = batch.iter().map(|segment| segment.ids.len()).sum();
        let pace = self.step + self.token * u32::try_from(tokens).unwrap_or(u32::MAX);
        if !pace.is_zero() {
            std::thread::sleep(pace);
        }
        let mut outputs = Vec::with_capacity(batch.len());
        for segment in batch {
            let hashes = &mut self.slots[segment.slot];
            let before = hashes.len();
            for id in segment.ids {
                let last = hashes.last().copied().unwrap_or(0);
                hashes.push(mix(last ^ u64::from(*id).wrapping_add(1)));
            }
            let from = match segment.want {
                Want::Nothing => hashes.len(),
                Want::Last => hashes.len() - 1,
                Want::All => before,
            };
            let hashes = &self.slots[segment.slot][from..];
            // The hidden state has one entry, which is the sequence's hash too.
            let hidden = hashes.iter().map(|hash| (hash >> 40) as f32).collect();
            outputs.push(Output { logits: hashes.iter().flat_map(|hash| self.row(*hash)).collect(), hidden });
        }
        Ok(outputs)
    }

    fn truncate(&mut self, slot: usize, length: usize) {
        self.slots[slot].truncate(length);
    }

    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        let tokens = self.slots[from].len();
        let shared = self.slots[from].get(..length).ok_or(ModelError::Context { tokens: length, context: tokens })?;
        self.slots[to] = shared.to_vec();
        Ok(())
    }
}

/// The finaliser of SplitMix64, after one step of it.
const fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
