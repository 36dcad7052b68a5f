//! Weights go to the chain plain, or committed until a later epoch: the subnet says which.

use incentive::units::{NetUid, Uid, Weight};
use incentive::weights::WeightVector;
use runtime_metadata::items;

use super::commit::{Commit, Rules};
use super::extrinsic::{nonce_at, signed, weights_lifetime};
use super::runtime::{self, Call, Runtime};
use super::{ChainClient, ChainError, SignedExtrinsic, Snapshot, Value};
use crate::keystore::Keypair;

/// Weights that are signed and have not left yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedWeights {
    /// What goes to the chain.
    pub extrinsic: SignedExtrinsic,
    /// Where the subnet has commit-reveal on: when the chain will open them.
    pub commit: Option<Commit>,
}

impl ChainClient {
    /// Signs a weight vector for mechanism 0 as of a snapshot, without submitting it: plain, or encrypted where
    /// commit-reveal is on.
    ///
    /// It carries the number that the hotkey had at the block of the snapshot, so the chain takes it only if the hotkey has
    /// sent nothing since: weights that the snapshot does not show yet, of this process or another, make it void.
    ///
    /// # Errors
    /// [`ChainError::CommitRevealVersion`] and [`ChainError::CannotCommit`] where the chain wants commits that this release
    /// cannot make, [`ChainError::NoSuchBlock`] if the node does not know the block of the snapshot, or if it does not
    /// answer in time.
    pub async fn sign_weights(
        &self,
        key: &Keypair,
        subnet: &Snapshot,
        weights: &WeightVector,
        version_key: u64,
    ) -> Result<SignedWeights, ChainError> {
        let netuid = subnet.netuid;
        self.on_link("signing weights", async |link| {
            let at = self.at_hash(&link, subnet.block.hash).await?;
            let (call, commit) = if subnet.commit_reveal {
                let (call, commit) = Rules::read(&at, netuid).await?.commit(&key.hotkey(), weights, version_key)?;
                (call, Some(commit))
            } else {
                (weights_call(netuid, weights, version_key), None)
            };
            let nonce = nonce_at(&at, key.hotkey()).await?;
            let extrinsic = signed(&at, key, &call, nonce, weights_lifetime(subnet.epoch_ends_in()))?;
            Ok(SignedWeights { extrinsic, commit })
        })
        .await
    }

    /// What would be foreseen of a commit now; `None` where the subnet takes plain weights.
    ///
    /// # Errors
    /// As [`ChainClient::sign_weights`].
    pub async fn foresee_commit(&self, netuid: NetUid) -> Result<Option<Commit>, ChainError> {
        self.on_link("reading the rules of commits", async |link| {
            let at = self.at_head(&link).await?;
            if !commit_reveal(&at, netuid).await? {
                return Ok(None);
            }
            Rules::read(&at, netuid).await?.foresee().map(Some)
        })
        .await
    }

    /// The weights of a neuron on mechanism 0 that count, as of the finalized head: those set or revealed last.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn weights(&self, netuid: NetUid, uid: Uid) -> Result<Vec<(Uid, Weight)>, ChainError> {
        self.on_link("reading weights", async |link| {
            let keys = vec![Value::from(netuid.get()), Value::from(uid.get())];
            let row = self.at_head(&link).await?.storage::<Vec<(u16, u16)>>(items::WEIGHTS, keys).await?;
            Ok(row.unwrap_or_default().into_iter().map(|(uid, weight)| (Uid(uid), Weight(weight))).collect())
        })
        .await
    }
}

/// Whether the subnet takes commits only; the chain's default is that it does.
async fn commit_reveal(at: &Runtime, netuid: NetUid) -> Result<bool, ChainError> {
    let on = at.storage::<bool>(items::COMMIT_REVEAL_WEIGHTS_ENABLED, vec![Value::from(netuid.get())]).await?;
    Ok(on.unwrap_or(true))
}

/// The call that sets the weights of mechanism 0.
pub(super) fn weights_call(netuid: NetUid, weights: &WeightVector, version_key: u64) -> Call {
    let dests = weights.uids.iter().map(|uid| Value::from(uid.get()));
    let values = weights.values.iter().map(|weight| Value::from(weight.get()));
    let arguments = [
        Value::from(netuid.get()),
        Value::from(0u8),
        Value::unnamed_composite(dests),
        Value::unnamed_composite(values),
        Value::from(version_key),
    ];
    runtime::call(items::SET_MECHANISM_WEIGHTS, arguments)
}
