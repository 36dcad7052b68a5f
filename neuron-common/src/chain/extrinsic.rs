//! Signing: from a call by name to the bytes that go to the chain.

use incentive::units::{Block, Hotkey};
use parity_scale_codec::{Decode, Encode};
use serde::{Deserialize, Serialize};
use subxt::SubstrateConfig;
use subxt::config::Hasher as _;
use subxt::config::substrate::{BlakeTwo256, SubstrateExtrinsicParamsBuilder};
use subxt::utils::{AccountId32, MultiSignature};

use super::link::Link;
use super::runtime::{self, Call, Runtime};
use super::{ChainClient, ChainError, Value, codec, node, rpc};
use crate::keystore::{Keypair, Scheme};

/// How many blocks a signed extrinsic may wait for its inclusion: about 25 minutes on the main network.
const LIFETIME: u64 = 128;

/// The same for weights at most: behind a few blocks of finality enough even for a busy pool.
const WEIGHTS_LIFETIME: u64 = 64;
/// The shortest life that an extrinsic can have. Weights that would outlive their epoch by it are not to be signed.
pub const SHORTEST_LIFETIME: u64 = 4;

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
        let signature = self.0.sign(payload);
        match self.0.scheme() {
            Scheme::Sr25519 => MultiSignature::Sr25519(signature),
            Scheme::Ed25519 => MultiSignature::Ed25519(signature),
        }
    }
}

impl ChainClient {
    /// The number of the next extrinsic of a key, as of a block: those in pools are not counted.
    ///
    /// # Errors
    /// [`ChainError::NoSuchBlock`], or if the node does not answer in time.
    pub async fn nonce(&self, key: Hotkey, block: [u8; 32]) -> Result<u64, ChainError> {
        self.on_link("reading the nonce", async |link| nonce_at(&self.at_hash(&link, block).await?, key).await).await
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

/// The number of the next extrinsic of a key at a block.
pub(super) async fn nonce_at(at: &Runtime, key: Hotkey) -> Result<u64, ChainError> {
    at.tx().account_nonce(&AccountId32(key.0)).await.map_err(node("reading the nonce"))
}

/// Blocks that weights may wait that are signed so many blocks before the next epoch: never beyond it, and where there is room
/// half of them at most, so that what got lost is over, and other bytes are signed, within the epoch. An era is a power of two.
pub(super) fn weights_lifetime(left: u64) -> u64 {
    let room = if left < 4 * SHORTEST_LIFETIME { left } else { left / 2 };
    1 << room.clamp(SHORTEST_LIFETIME, WEIGHTS_LIFETIME).ilog2()
}

async fn sign(link: &Link, at: &Runtime, key: &Keypair, call: &Call) -> Result<SignedExtrinsic, ChainError> {
    let account = AccountId32(key.hotkey().0);
    // Counts what waits in the pool too, unlike the nonce in the state.
    let nonce = link.rpc.system_account_next_index(&account).await.map_err(rpc("reading the nonce"))?;
    signed(at, key, call, nonce, LIFETIME)
}

/// Signs a call at a block, with this number and for so many blocks.
pub(super) fn signed(
    at: &Runtime,
    key: &Keypair,
    call: &Call,
    nonce: u64,
    lifetime: u64,
) -> Result<SignedExtrinsic, ChainError> {
    let call = at.adapted(call)?;
    let params = SubstrateExtrinsicParamsBuilder::new()
        .nonce(nonce)
        .mortal_from_unchecked(lifetime, at.block_number(), at.block_hash())
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
        // At the block after it the era points to that block itself.
        mortal_until: Block(at.block_number()).after(lifetime - 1),
    })
}

#[cfg(test)]
mod tests;
