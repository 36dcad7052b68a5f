//! Everything that the inference part needs, loaded and started.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use incentive::policy::Policy;
use neuron_common::keystore::Keypair;

use super::audit::Asker;
use super::bank::Bank;
use super::examiner::Examiner;
use super::models::{self, LocalCopy};
use super::part::Inference;
use super::quiet::Quiet;
use super::traffic::Traffic;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::store::Store;

/// What is there before it.
pub struct Setup<'a> {
    /// What the operator has set.
    pub config: &'a Config,
    /// The policy of the subnet.
    pub policy: &'a Policy,
    /// The genesis hash of the chain.
    pub genesis: [u8; 32],
    /// From block to block.
    pub block_time: Duration,
    /// This validator's key.
    pub key: Arc<Keypair>,
    /// The database.
    pub store: Store,
    /// What is counted.
    pub metrics: Metrics,
}

impl Inference {
    /// Loads the models that the policy pays for and starts the thread that checks their answers. `None` where the policy pays for none.
    ///
    /// A model that cannot be judged is logged with the remedy and is void for everybody; the other tasks go on.
    ///
    /// # Errors
    /// When the file of traffic cannot be used, or there is no thread.
    pub async fn start(setup: Setup<'_>) -> Result<Option<Arc<Self>>> {
        let Setup { config, policy, genesis, block_time, key, store, metrics } = setup;
        let Some(part) = policy.inference.clone() else {
            if !config.inference.models.is_empty() {
                tracing::warn!("`inference.models` is set, and the policy pays for no model: they are not loaded");
            }
            return Ok(None);
        };
        let traffic = match &config.inference.traffic {
            Some(path) => Traffic::load(path).context("`inference.traffic`")?,
            None => Traffic::built_in()?,
        };
        let (copies, problems) = {
            let (settings, part) = (config.inference.clone(), part.clone());
            tokio::task::spawn_blocking(move || models::load(&settings, &part))
                .await
                .context("loading models broke off")?
        };
        for problem in problems {
            tracing::error!(%problem, "a model is not scored");
        }
        let (traffic, mut banks, mut decoders) = (Arc::new(traffic), Vec::new(), Vec::new());
        for LocalCopy { model, decoder } in copies {
            let model = Arc::new(model);
            match Bank::new(Arc::clone(&model), &traffic, part.answer_tokens) {
                Ok(bank) => {
                    tracing::info!(model = %model.policy.id, digest = %model.policy.digest, "a model is ready");
                    banks.push(Arc::new(bank));
                    decoders.push((model, decoder));
                }
                Err(problem) => tracing::error!(model = %model.policy.id, %problem, "a model is not scored"),
            }
        }
        let judged = |model| banks.iter().any(|bank: &Arc<Bank>| bank.model().policy.digest == model);
        let unjudged = part.models.iter().map(|model| model.digest).filter(|model| !judged(*model)).collect();
        let asker = Asker { genesis, netuid: config.netuid, own: key.hotkey() };
        let inference = Self {
            key,
            asker,
            policy: part,
            unjudged,
            examiner: Examiner::start(decoders).context("starting the thread that checks answers")?,
            banks,
            store,
            metrics,
            audit_percent: config.inference.audit_percent,
            budget_tokens: config.inference.budget_tokens,
            // The other half of the reserve is for the window before the checks and the submission after them.
            patience: block_time * policy.window.reserve_blocks / 2,
            lag_limit: Duration::from_millis(config.round.lag_limit_ms.into()),
            quiet: Quiet::default(),
            remembering: tokio::sync::Mutex::default(),
            serving: parking_lot::Mutex::default(),
        };
        Ok(Some(Arc::new(inference)))
    }
}
