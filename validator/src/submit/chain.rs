//! What submitting needs of a chain: the real one, and in tests one that crashes between any two steps.

use std::future::Future;
use std::sync::Arc;

use incentive::units::{NetUid, Uid, Weight};
use incentive::weights::WeightVector;
use neuron_common::chain::{BlockRef, ChainClient, ChainError, Inclusion, SignedExtrinsic, SignedWeights, Snapshot};
use neuron_common::keystore::Keypair;

use super::WEIGHTS_VERSION;

/// Weights of one neuron as the chain stores them.
type Row = Vec<(Uid, Weight)>;

/// Where weights go.
pub trait WeightsChain: Send + Sync {
    /// The subnet now.
    fn snapshot(&self, netuid: NetUid) -> impl Future<Output = Result<Snapshot, ChainError>> + Send;

    /// The number of this validator's next extrinsic as of a block.
    fn nonce(&self, block: BlockRef) -> impl Future<Output = Result<u64, ChainError>> + Send;

    /// Signs a weight vector as of a snapshot, as a commit where the subnet wants one, without submitting it. Whatever the hotkey sent after it makes it void.
    fn sign(
        &self,
        subnet: &Snapshot,
        weights: &WeightVector,
    ) -> impl Future<Output = Result<SignedWeights, ChainError>> + Send;

    /// The weights of a neuron that count now.
    fn weights(&self, netuid: NetUid, uid: Uid) -> impl Future<Output = Result<Row, ChainError>> + Send;

    /// Submits signed bytes, as often as wanted; a second time finds what the first one did.
    fn submit(&self, signed: &SignedExtrinsic) -> impl Future<Output = Result<Inclusion, ChainError>> + Send;
}

/// A chain together with the key that signs.
#[derive(Clone)]
pub struct Signed {
    /// The node.
    pub chain: ChainClient,
    /// The validator's key.
    pub key: Arc<Keypair>,
}

impl WeightsChain for Signed {
    async fn snapshot(&self, netuid: NetUid) -> Result<Snapshot, ChainError> {
        self.chain.snapshot(netuid, None).await
    }

    async fn nonce(&self, block: BlockRef) -> Result<u64, ChainError> {
        self.chain.nonce(self.key.hotkey(), block.hash).await
    }

    async fn sign(&self, subnet: &Snapshot, weights: &WeightVector) -> Result<SignedWeights, ChainError> {
        self.chain.sign_weights(&self.key, subnet, weights, WEIGHTS_VERSION).await
    }

    async fn weights(&self, netuid: NetUid, uid: Uid) -> Result<Row, ChainError> {
        self.chain.weights(netuid, uid).await
    }

    async fn submit(&self, signed: &SignedExtrinsic) -> Result<Inclusion, ChainError> {
        self.chain.submit(signed).await
    }
}
