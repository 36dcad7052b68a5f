//! The SubtensorModule pallet: subnets, neurons, stake, weights and the epochs that pay for them.

// What the FRAME macros generate carries no docs.
#![allow(missing_docs)]

pub use pallet::*;

/// The pallet.
#[frame_support::pallet]
pub mod pallet {
    use sp_runtime::AccountId32;

    /// What the runtime sets: nothing but its account and balance types.
    #[pallet::config]
    pub trait Config: frame_system::Config<AccountId = AccountId32> + pallet_balances::Config<Balance = u64> {}

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::call]
    impl<T: Config> Pallet<T> {}
}
