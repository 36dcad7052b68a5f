//! State: a trie whose nodes are addressed by their hash, and the runtime run on top of it.
//!
//! Nodes are only ever added, so every root that was once current stays readable: historic queries, reverts and
//! alternative heads cost nothing.

mod call;
mod guard;
mod store;
mod view;

pub use call::{CallError, StackGuard, call_in};
pub use guard::{GuardError, MAX_CALL_DEPTH, MAX_EXTRINSIC_BYTES, check_call_arguments, check_extrinsic};
pub use store::NodeStore;
pub use view::{Page, Pair, StateError, StateView};

/// The hash function of the trie, of blocks and of extrinsics.
pub type Hasher = sp_runtime::traits::BlakeTwo256;
/// Pending changes over a state.
pub type Overlay = sp_state_machine::OverlayedChanges<Hasher>;
/// A readable state.
pub type Backend = sp_state_machine::TrieBackend<std::sync::Arc<dyn sp_state_machine::Storage<Hasher>>, Hasher>;
