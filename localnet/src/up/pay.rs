//! What a run pays for: compute, and answers of the tiny model, half and half.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use incentive::evidence::Table;
use incentive::policy::{InferencePolicy, ModelPolicy, Policy};
use incentive::task::ModelDigest;

use super::chat::{MODEL, Served};

/// What honest answers of the tiny model look like: `validator calibrate` over `miner models make tiny`, which makes the same
/// model everywhere.
pub const TABLE: &str = include_str!("tiny.table.json");
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
    /// When the folder cannot be written.
    pub fn write(base: &Path, served: &Served) -> Result<Self> {
        let table: Table = serde_json::from_str(TABLE).context("the table of the tiny model")?;
        let (policy, path) = (policy(table.model), base.join("policy.toml"));
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

/// The dev preset with shorter windows, and answers of this model after them.
///
/// Two dozen processes share two cores here, so the deadlines are many times what one miner needs alone. Whoever holds its
/// answers back until all of them are overdue still finds the time that is paid running: 600 + 32 · 20 ms.
#[must_use]
pub fn policy(digest: ModelDigest) -> Policy {
    let mut policy = Policy::dev();
    policy.window.duration_ms = 1_500;
    policy.window.opening_deadline_ms = 1_500;
    policy.window.reserve_blocks = 16;
    let model = ModelPolicy {
        id: MODEL.to_owned(),
        digest,
        share: SHARE,
        first_ms: 600,
        prompt_us: 200,
        token_us: 20_000,
        fastest_us: 20,
        fingerprint: true,
    };
    let inference =
        InferencePolicy { ramp_ms: 1_200, hold_ms: 2_400, streams_max: 4, answer_tokens: 32, models: vec![model] };
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
