//! `Aura.SlotDuration`, from which clients learn the block time. Nobody takes turns here: one node makes all blocks.

pub use pallet::*;

/// The pallet: one constant.
#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;

    /// What the runtime sets.
    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// Milliseconds between two blocks.
        #[pallet::constant]
        type SlotDuration: Get<u64>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(_);
}
