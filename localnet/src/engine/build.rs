use std::sync::Arc;

use parity_scale_codec::{Decode, DecodeAll as _, Encode};
use sp_core::H256;
use sp_inherents::InherentData;
use sp_runtime::{
    ApplyExtrinsicResult, StateVersion,
    traits::Header as _,
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};
use sp_state_machine::StorageChanges;

use super::{Block, Chain, EngineError};
use crate::{
    pool::reason,
    runtime::{Header, UncheckedExtrinsic, upgrade::Upgrade},
    state::{Backend, Hasher, Overlay, call_in},
};

/// What became of an extrinsic in a block.
#[derive(Debug)]
pub enum Applied {
    /// It is in the block, whether or not its call succeeded.
    Included,
    /// The block is full for it.
    Full,
    /// Its turn has not come.
    Early,
    /// It can never be included; the text says why.
    Invalid(String),
}

/// A block under construction.
pub struct BlockBuilder<'a> {
    chain: &'a Chain,
    backend: Backend,
    overlay: Overlay,
    body: Vec<Vec<u8>>,
}

impl<'a> BlockBuilder<'a> {
    /// Opens a block on `parent` at a time in milliseconds since 1970 and puts the inherent extrinsics in. An upgrade takes
    /// effect when the block ends.
    ///
    /// # Errors
    /// When the runtime panics in its initialisation or refuses the time.
    pub fn begin(
        chain: &'a Chain,
        parent: &Block,
        timestamp: u64,
        upgrade: Option<&Upgrade>,
    ) -> Result<Self, EngineError> {
        let backend = chain.state(parent).backend();
        let mut builder = Self { chain, backend, overlay: Overlay::default(), body: Vec::new() };
        let number = parent.header.number.checked_add(1).ok_or(EngineError::LastBlock)?;
        let digest = upgrade.map(Upgrade::order).unwrap_or_default();
        let header = Header::new(number, H256::zero(), H256::zero(), parent.hash, digest);
        builder.call("Core_initialize_block", &header.encode())?;
        for inherent in builder.inherents(timestamp)? {
            match builder.apply(&inherent)? {
                Applied::Included => {}
                outcome => return Err(EngineError::Inherent(format!("{outcome:?}"))),
            }
        }
        Ok(builder)
    }

    /// Tries an extrinsic. What it wrote is undone unless it is included.
    ///
    /// # Errors
    /// Only when the overlay is out of order.
    pub fn apply(&mut self, extrinsic: &[u8]) -> Result<Applied, EngineError> {
        self.overlay.start_transaction();
        let applied = match call_in(&self.backend, &mut self.overlay, "BlockBuilder_apply_extrinsic", extrinsic) {
            Ok(answer) => {
                applied(ApplyExtrinsicResult::decode_all(&mut &*answer).map_err(answer_of("apply_extrinsic"))?)
            }
            Err(error) => Applied::Invalid(error.to_string()),
        };
        let closed = match applied {
            Applied::Included => self.overlay.commit_transaction(),
            Applied::Full | Applied::Early | Applied::Invalid(_) => self.overlay.rollback_transaction(),
        };
        closed.map_err(|error| EngineError::Overlay(format!("{error:?}")))?;
        if matches!(applied, Applied::Included) {
            self.body.push(extrinsic.to_vec());
        }
        Ok(applied)
    }

    /// Puts reports of the beacon in, in order; returns those that are in. The first that is refused ends it: those
    /// after it would leave a gap.
    ///
    /// # Errors
    /// Only when the overlay is out of order.
    pub fn report(&mut self, mut reports: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, EngineError> {
        for position in 0..reports.len() {
            match self.apply(&reports[position])? {
                Applied::Included => {}
                outcome => {
                    tracing::warn!(?outcome, "a pulse of the beacon was refused");
                    reports.truncate(position);
                    break;
                }
            }
        }
        Ok(reports)
    }

    /// Closes the block and stores its state. Nobody sees the block before it becomes the head.
    ///
    /// # Errors
    /// When the runtime panics in its finalisation or names another state root than the trie has.
    pub fn finish(mut self) -> Result<Arc<Block>, EngineError> {
        let answer = self.call("BlockBuilder_finalize_block", &[])?;
        let header = Header::decode_all(&mut &*answer).map_err(answer_of("finalize_block"))?;
        let changes: StorageChanges<Hasher> =
            self.overlay.drain_storage_changes(&self.backend, StateVersion::V1).map_err(EngineError::Overlay)?;
        if changes.transaction_storage_root != header.state_root {
            return Err(EngineError::StateRoot);
        }
        self.chain.store().commit(changes.transaction);
        Ok(Arc::new(Block { hash: header.hash(), header, body: self.body }))
    }

    fn inherents(&mut self, timestamp: u64) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut data = InherentData::new();
        data.put_data(sp_timestamp::INHERENT_IDENTIFIER, &timestamp)
            .map_err(|error| EngineError::Inherent(error.to_string()))?;
        let answer = self.call("BlockBuilder_inherent_extrinsics", &data.encode())?;
        let extrinsics = Vec::<UncheckedExtrinsic>::decode(&mut &*answer).map_err(answer_of("inherent_extrinsics"))?;
        Ok(extrinsics.iter().map(Encode::encode).collect())
    }

    fn call(&mut self, method: &str, data: &[u8]) -> Result<Vec<u8>, EngineError> {
        Ok(call_in(&self.backend, &mut self.overlay, method, data)?)
    }
}

/// Executes a finished block on its parent's state, as another node would.
///
/// # Errors
/// When the runtime refuses the block.
pub fn check_block(chain: &Chain, parent: &Block, block: &Block) -> Result<(), EngineError> {
    let mut data = block.header.encode();
    parity_scale_codec::Compact(u32::try_from(block.body.len()).unwrap_or(u32::MAX)).encode_to(&mut data);
    data.extend(block.body.iter().flatten());
    chain.state(parent).call("Core_execute_block", &data)?;
    Ok(())
}

fn applied(result: ApplyExtrinsicResult) -> Applied {
    match result {
        Ok(_dispatched) => Applied::Included,
        Err(TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources)) => Applied::Full,
        Err(TransactionValidityError::Invalid(InvalidTransaction::Future)) => Applied::Early,
        Err(error) => Applied::Invalid(reason(error)),
    }
}

fn answer_of(function: &'static str) -> impl FnOnce(parity_scale_codec::Error) -> EngineError {
    move |error| EngineError::Answer { function, reason: error.to_string() }
}
