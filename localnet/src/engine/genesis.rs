use std::sync::Arc;

use sp_core::{
    H256,
    storage::{ChildInfo, Storage},
};
use sp_runtime::{StateVersion, traits::Header as _};

use super::{Block, Chain, EngineError};
use crate::{
    runtime::Header,
    state::{NodeStore, Overlay, StateView},
};

/// Makes block 0 of a genesis state.
pub fn genesis(storage: Storage) -> Result<Chain, EngineError> {
    let store = Arc::new(NodeStore::new());
    let empty = StateView::new(Arc::clone(&store), NodeStore::empty_root()).backend();
    let mut overlay = Overlay::default();
    for (key, value) in storage.top {
        overlay.set_storage(key, Some(value));
    }
    for child in storage.children_default.into_values() {
        let info: ChildInfo = child.child_info;
        for (key, value) in child.data {
            overlay.set_child_storage(&info, key, Some(value));
        }
    }
    let changes = overlay.drain_storage_changes(&empty, StateVersion::V1).map_err(EngineError::Overlay)?;
    store.commit(changes.transaction);
    let header = Header::new(
        0,
        NodeStore::empty_root(),
        changes.transaction_storage_root,
        H256::zero(),
        sp_runtime::Digest::default(),
    );
    Ok(Chain::new(store, Block { hash: header.hash(), header, body: Vec::new() }))
}
