//! What a run pays for: compute, and answers of the tiny model, half and half.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use incentive::evidence::Table;
use incentive::policy::{InferencePolicy, ModelPolicy, Policy};
use incentive::task::ModelDigest;

use super::Options;
use super::chat::{MODEL, Served};

/// What honest answers of the tiny model look like: `validator calibrate` over `miner models make tiny`, which makes the same
/// model everywhere.
pub const TABLE: &str = include_str!("tiny.table.json");
/// Milliseconds for checks and weights after the last answer.
const AFTER_MS: u64 = 1_200;
/// Blocks of an epoch, at least, at which a window may open.
const OPENINGS: u32 = 4;
/// Thousandths of the weight that answers earn.
const SHARE: u32 = 500;

/// The files that all neurons of a run share.
#[derive(Debug)]
pub struct Pay {
    policy: PathBuf,
    table: PathBuf,
    model: PathBuf,
}

impl Pay {
    /// Writes them.
    ///
    /// # Errors
    /// When an epoch is too short for a window, or the folder cannot be written.
    pub fn write(base: &Path, served: &Served, options: &Options) -> Result<Self> {
        let table: Table = serde_json::from_str(TABLE).context("the table of the tiny model")?;
        let (mut policy, path) = (policy(table.model), base.join("policy.toml"));
        policy.window.reserve_blocks = reserve(&policy, options)?;
        policy.validate()?;
        let pay = Self { policy: path, table: base.join("tiny.table.json"), model: served.folder().to_owned() };
        for (path, text) in [(&pay.policy, toml::to_string(&policy)?), (&pay.table, TABLE.to_owned())] {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(pay)
    }

    /// The policy, for everybody's configuration.
    #[must_use]
    pub fn policy(&self) -> &Path {
        &self.policy
    }

    /// The section of a validator's configuration: every answer is checked, by one thread.
    #[must_use]
    pub fn validator(&self) -> String {
        let (model, table) = (self.model.display(), self.table.display());
        format!(
            "[inference]\naudit_percent = 100\nbudget_tokens = 60000\nprobes_per_epoch = 4\nthreads = 1\n\n\
             [[inference.models]]\npath = '{model}'\ntable = '{table}'\n"
        )
    }
}

/// Blocks that a window, its checks and its weights take.
fn reserve(policy: &Policy, options: &Options) -> Result<u32> {
    let blocks = u32::try_from((policy.round_ms() + AFTER_MS).div_ceil(options.block_ms.max(1)))?;
    let least = blocks + OPENINGS;
    ensure!(
        u32::from(options.tempo) >= least,
        "an epoch of {} blocks of {} ms is too short for a window and its checks; choose --tempo {least} or longer blocks",
        options.tempo,
        options.block_ms
    );
    Ok(blocks)
}

/// The dev preset with shorter windows, and answers of this model after them.
///
/// Two dozen processes share two cores here, so the deadlines are many times what one miner needs alone. Whoever holds its
/// answers back until all of them are overdue still finds the time that is paid running, a second after a short prompt.
#[must_use]
pub fn policy(digest: ModelDigest) -> Policy {
    let mut policy = Policy::dev();
    policy.window.duration_ms = 2_000;
    policy.window.opening_deadline_ms = 1_500;
    let model = ModelPolicy {
        id: MODEL.to_owned(),
        digest,
        share: SHARE,
        first_ms: 600,
        prompt_us: 50,
        token_us: 12_000,
        fastest_us: 20,
        fingerprint: true,
    };
    let inference =
        InferencePolicy { ramp_ms: 1_200, hold_ms: 2_400, streams_max: 4, answer_tokens: 64, models: vec![model] };
    Policy { inference: Some(inference), ..policy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_worked_with() {
        policy(ModelDigest([1; 32])).validate().unwrap();
    }

    #[test]
    fn the_table_is_of_one_model_with_a_name() {
        let table: Table = serde_json::from_str(TABLE).unwrap();
        assert!(!table.strata.is_empty());
    }
}
