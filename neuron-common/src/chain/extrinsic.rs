//! Signing: from a call by name to the bytes that go to the chain.

use incentive::units::{Block, Hotkey, NetUid};
use incentive::weights::WeightVector;
use parity_scale_codec::{Decode, Encode};
use runtime_metadata::items;
use serde::{Deserialize, Serialize};
use subxt::SubstrateConfig;
use subxt::config::Hasher as _;
use subxt::config::substrate::{BlakeTwo256, SubstrateExtrinsicParamsBuilder};
use subxt::utils::{AccountId32, MultiSignature};

use super::link::Link;
use super::runtime::{self, Call, Runtime};
use super::{ChainClient, ChainError, Value, codec, rpc};
use crate::keystore::Keypair;

/// How many blocks a signed extrinsic may wait for its inclusion: about 25 minutes on the main network.
const LIFETIME: u64 = 128;

/// Arguments of a call, by name.
pub type Arguments = Vec<(String, Value)>;

/// A signed extrinsic. Written down before it is submitted, it can be found, or submitted again, after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SignedExtrinsic {
    /// Pallet and call, for messages.
    pub call: String,
    /// What goes to the chain.
    pub bytes: Vec<u8>,
    /// BLAKE2-256 of the bytes: what explorers call the extrinsic hash.
    pub hash: [u8; 32],
    /// Who signed.
    pub signer: Hotkey,
    /// The signer's transaction number.
    pub nonce: u64,
    /// The finalized block that it was signed at; it can only be in a later one.
    pub born: Block,
    /// The last block that can include it.
    pub mortal_until: Block,
}

/// Signs extrinsics with the keystore's key.
pub(super) struct Signer<'a>(pub &'a Keypair);

impl subxt::tx::Signer<SubstrateConfig> for Signer<'_> {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.0.hotkey().0)
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(self.0.sign(payload))
    }
}

impl ChainClient {
    /// Signs a weight vector for mechanism 0, without submitting it.
    ///
    /// # Errors
    /// [`ChainError::CommitRevealNotSupported`] where weights must be sealed, or if the node does not answer in time.
    pub async fn sign_weights(
        &self,
        key: &Keypair,
        netuid: NetUid,
        weights: &WeightVector,
        version_key: u64,
    ) -> Result<SignedExtrinsic, ChainError> {
        let call = weights_call(netuid, weights, version_key);
        self.on_link("signing weights", async |link| {
            let at = self.at_head(&link).await?;
            let netuid_key = vec![Value::from(netuid.get())];
            let sealed = at.storage::<bool>(items::COMMIT_REVEAL_WEIGHTS_ENABLED, netuid_key).await?;
            if sealed.unwrap_or(false) {
                return Err(ChainError::CommitRevealNotSupported { netuid });
            }
            sign(&link, &at, key, &call).await
        })
        .await
    }

    /// Signs any call, without submitting it.
    ///
    /// # Errors
    /// [`ChainError::Codec`] if the runtime has no such call or an argument does not fit, or if the node does not answer.
    pub async fn sign(
        &self,
        key: &Keypair,
        pallet: &str,
        call: &str,
        arguments: Arguments,
    ) -> Result<SignedExtrinsic, ChainError> {
        self.sign_call(key, &runtime::any_call(pallet, call, arguments)).await
    }

    pub(super) async fn sign_call(&self, key: &Keypair, call: &Call) -> Result<SignedExtrinsic, ChainError> {
        self.on_link("signing an extrinsic", async |link| {
            let at = self.at_head(&link).await?;
            sign(&link, &at, key, call).await
        })
        .await
    }
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

async fn sign(link: &Link, at: &Runtime, key: &Keypair, call: &Call) -> Result<SignedExtrinsic, ChainError> {
    let call = at.adapted(call)?;
    let account = AccountId32(key.hotkey().0);
    // Counts what waits in the pool too, unlike the nonce in the state.
    let nonce = link.rpc.system_account_next_index(&account).await.map_err(rpc("reading the nonce"))?;
    let params = SubstrateExtrinsicParamsBuilder::new()
        .nonce(nonce)
        .mortal_from_unchecked(LIFETIME, at.block_number(), at.block_hash())
        .build();
    let fail = codec("encoding an extrinsic");
    let mut signable = at.tx().create_signable_offline(&call, params).map_err(&fail)?;
    let bytes = signable.sign(&Signer(key)).map_err(&fail)?.into_encoded();
    Ok(SignedExtrinsic {
        call: format!("{}.{}", call.pallet_name(), call.call_name()),
        hash: BlakeTwo256.hash(&bytes).0,
        bytes,
        signer: key.hotkey(),
        nonce,
        born: Block(at.block_number()),
        mortal_until: Block(at.block_number()).after(LIFETIME),
    })
}

#[cfg(test)]
mod tests;
