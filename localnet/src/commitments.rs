//! The Commitments pallet: what a neuron says of itself in a few bytes.
//!
//! - [`data`]: the bytes, in subtensor's encoding
//!
//! A neuron may write so many bytes per epoch. Time-locked commitments are stored and listed; nothing opens them here.

// What the FRAME macros generate carries no docs.
#![allow(missing_docs)]

pub mod data;

pub use pallet::*;

/// The pallet.
#[frame_support::pallet]
pub mod pallet {
    use std::collections::BTreeSet;

    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use sp_runtime::AccountId32;

    use super::data::{CommitmentInfo, Data, MAX_FIELDS, Registration, UsageTracker};
    use crate::subtensor::{self, Pallet as Subtensor, SubnetEpochIndex, Uids};

    /// Weight of a call.
    const LIGHT: Weight = Weight::from_parts(1_000_000_000, 0);
    /// Bytes that the smallest commitment counts as.
    const LEAST_SPACE: u64 = 100;

    /// Neurons and epochs are the other pallet's.
    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> + subtensor::Config {
        /// Most fields of one commitment.
        #[pallet::constant]
        type MaxFields: Get<u32>;
        /// What the first commitment of a neuron reserves, rao.
        #[pallet::constant]
        type InitialDeposit: Get<u64>;
        /// What each field reserves, rao.
        #[pallet::constant]
        type FieldDeposit: Get<u64>;
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        /// A neuron committed to something.
        Commitment { netuid: u16, who: AccountId32 },
        /// A neuron committed to something that opens later.
        TimelockCommitment { netuid: u16, who: AccountId32, reveal_round: u64 },
        /// What a neuron committed to was opened.
        CommitmentRevealed { netuid: u16, who: AccountId32 },
    }

    /// Why a commitment is refused, in subtensor's order.
    #[pallet::error]
    pub enum Error<T> {
        TooManyFieldsInCommitmentInfo,
        AccountNotAllowedCommit,
        SpaceLimitExceeded,
        UnexpectedUnreserveLeftover,
    }

    #[pallet::storage]
    pub type TimelockedIndex<T: Config> = StorageValue<_, BTreeSet<(u16, AccountId32)>, ValueQuery>;
    #[pallet::storage]
    pub type CommitmentOf<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, AccountId32, Registration, OptionQuery>;
    #[pallet::storage]
    pub type LastCommitment<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, AccountId32, BlockNumberFor<T>, OptionQuery>;
    #[pallet::storage]
    pub type LastBondsReset<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, AccountId32, BlockNumberFor<T>, OptionQuery>;
    #[pallet::storage]
    pub type RevealedCommitments<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, AccountId32, Vec<(Vec<u8>, u64)>, OptionQuery>;
    #[pallet::storage]
    pub type UsedSpaceOf<T: Config> =
        StorageDoubleMap<_, Identity, u16, Twox64Concat, AccountId32, UsageTracker, OptionQuery>;
    #[pallet::storage]
    pub type MaxSpace<T: Config> = StorageValue<_, u32, ValueQuery, ConstU32<3100>>;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Replaces what a neuron commits to.
        #[pallet::call_index(0)]
        #[pallet::weight((LIGHT, DispatchClass::Normal, Pays::No))]
        pub fn set_commitment(origin: OriginFor<T>, netuid: u16, info: Box<CommitmentInfo>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            ensure!(Uids::<T>::contains_key(netuid, &who), Error::<T>::AccountNotAllowedCommit);
            ensure!(info.fields.len() <= MAX_FIELDS as usize, Error::<T>::TooManyFieldsInCommitmentInfo);
            Self::use_space(netuid, &who, &info)?;
            if info.fields.contains(&Data::ResetBondsFlag) {
                LastBondsReset::<T>::insert(netuid, &who, Self::now());
                Subtensor::<T>::reset_bonds(netuid, &who);
            }
            Self::announce(netuid, &who, &info);
            let block = u32::try_from(Subtensor::<T>::block()).unwrap_or(u32::MAX);
            CommitmentOf::<T>::insert(netuid, &who, Registration { deposit: 0, block, info: *info });
            LastCommitment::<T>::insert(netuid, who, Self::now());
            Ok(())
        }

        /// Sets how many bytes a neuron may write per epoch.
        #[pallet::call_index(2)]
        #[pallet::weight(LIGHT)]
        pub fn set_max_space(origin: OriginFor<T>, new_limit: u32) -> DispatchResult {
            ensure_root(origin)?;
            MaxSpace::<T>::put(new_limit);
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        fn now() -> BlockNumberFor<T> {
            frame_system::Pallet::<T>::block_number()
        }

        /// Takes the space of a commitment from what the neuron has left in this epoch.
        fn use_space(netuid: u16, who: &AccountId32, info: &CommitmentInfo) -> DispatchResult {
            let epoch = SubnetEpochIndex::<T>::get(netuid);
            let used = UsedSpaceOf::<T>::get(netuid, who).filter(|usage| usage.last_epoch == epoch);
            let size = info.fields.iter().map(Data::size).sum::<u64>().max(LEAST_SPACE);
            let used_space = used.map_or(0, |usage| usage.used_space).saturating_add(size);
            ensure!(used_space <= u64::from(MaxSpace::<T>::get()), Error::<T>::SpaceLimitExceeded);
            UsedSpaceOf::<T>::insert(netuid, who, UsageTracker { last_epoch: epoch, used_space });
            Ok(())
        }

        /// Says what was committed to, and lists what opens later.
        fn announce(netuid: u16, who: &AccountId32, info: &CommitmentInfo) {
            let place = (netuid, who.clone());
            let round = info.fields.iter().find_map(Data::reveal_round);
            TimelockedIndex::<T>::mutate(
                |index| if round.is_some() { index.insert(place) } else { index.remove(&place) },
            );
            let who = who.clone();
            Self::deposit_event(match round {
                Some(reveal_round) => Event::TimelockCommitment { netuid, who, reveal_round },
                None => Event::Commitment { netuid, who },
            });
        }
    }
}

#[cfg(test)]
mod tests;
