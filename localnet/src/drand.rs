//! The Drand pallet: pulses of a public beacon, each the signature of a round that opens what was sealed for it.
//!
//! - [`types`]: what storage holds and calls carry
//! - [`pulses`]: which pulses are taken, and for how long they are kept
//! - [`development`]: a beacon whose key everybody knows, for chains that reach no other
//!
//! On the main network every node fetches the pulses of drand's quicknet and submits them unsigned. Here the block
//! author does it for the development beacon; with quicknet's key somebody has to bring the pulses from outside.

// What the FRAME macros generate carries no docs and binds unit values.
#![allow(missing_docs, clippy::let_unit_value)]
// Subtensor's pulses come in unsigned; the extension that replaces this is not in its list.
#![allow(deprecated)]

pub mod development;
pub mod pulses;
pub mod types;

pub use pallet::*;

/// The pallet.
#[frame_support::pallet]
pub mod pallet {
    use frame_support::{pallet_prelude::*, traits::EitherOfDiverse};
    use frame_system::{EnsureNone, EnsureRoot, pallet_prelude::*};
    use sp_runtime::MultiSignature;

    use crate::drand::types::*;

    /// What the runtime sets.
    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// How much pulses go before other unsigned extrinsics.
        #[pallet::constant]
        type UnsignedPriority: Get<TransactionPriority>;
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    /// The beacon whose pulses are taken; quicknet unless the genesis says otherwise.
    #[pallet::storage]
    pub type BeaconConfig<T: Config> = StorageValue<_, BeaconConfiguration, ValueQuery>;
    #[pallet::storage]
    pub type HasMigrationRun<T: Config> = StorageMap<_, Identity, BoundedVec<u8, ConstU32<128>>, bool, ValueQuery>;
    #[pallet::storage]
    pub type Pulses<T: Config> = StorageMap<_, Blake2_128Concat, u64, Pulse, OptionQuery>;
    #[pallet::storage]
    pub type LastStoredRound<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type OldestStoredRound<T: Config> = StorageValue<_, u64, ValueQuery>;
    #[pallet::storage]
    pub type NextUnsignedAt<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

    /// The beacon of the genesis.
    #[pallet::genesis_config]
    #[derive(frame_support::DefaultNoBound)]
    pub struct GenesisConfig<T: Config> {
        pub beacon: BeaconConfiguration,
        #[serde(skip)]
        pub _config: core::marker::PhantomData<T>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
        fn build(&self) {
            BeaconConfig::<T>::put(&self.beacon);
        }
    }

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        BeaconConfigChanged,
        NewPulse { rounds: Vec<u64> },
        SetOldestStoredRound(u64),
    }

    /// Why a call failed.
    #[pallet::error]
    pub enum Error<T> {
        /// A value was never set.
        NoneValue,
        /// A number would overflow.
        StorageOverflow,
        /// The beacon cannot be reached.
        DrandConnectionFailure,
        /// The pulse is invalid.
        UnverifiedPulse,
        /// The round is not newer than the last.
        InvalidRoundNumber,
        /// The pulse, or the key of the beacon, is malformed.
        PulseVerificationError,
    }

    #[pallet::validate_unsigned]
    impl<T: Config> ValidateUnsigned for Pallet<T> {
        type Call = Call<T>;

        fn validate_unsigned(_source: TransactionSource, call: &Self::Call) -> TransactionValidity {
            match call {
                Call::write_pulse { pulses_payload, signature } => Self::admit(pulses_payload, signature.as_ref()),
                _ => InvalidTransaction::Call.into(),
            }
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Stores pulses that the beacon signed: unsigned as nodes send them, or by the sudo key.
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::from_parts(4_294_000_000, 0))]
        pub fn write_pulse(
            origin: OriginFor<T>,
            pulses_payload: PulsesPayload,
            signature: Option<MultiSignature>,
        ) -> DispatchResult {
            // The pool has checked who reports; what he reports the beacon has signed.
            let _ = signature;
            EitherOfDiverse::<EnsureNone<T::AccountId>, EnsureRoot<T::AccountId>>::ensure_origin(origin)?;
            Self::do_write_pulses(&pulses_payload.pulses)
        }

        /// Takes another beacon from now on. Nothing proves that it exists.
        #[pallet::call_index(1)]
        #[pallet::weight((Weight::from_parts(8_766_000, 0), DispatchClass::Operational))]
        pub fn set_beacon_config(
            origin: OriginFor<T>,
            config_payload: BeaconConfigurationPayload,
            signature: Option<MultiSignature>,
        ) -> DispatchResult {
            let _ = signature;
            ensure_root(origin)?;
            BeaconConfig::<T>::put(config_payload.config);
            NextUnsignedAt::<T>::put(frame_system::Pallet::<T>::block_number() + 1u32.into());
            Self::deposit_event(Event::BeaconConfigChanged);
            Ok(())
        }

        /// Moves the mark from which old pulses are removed.
        #[pallet::call_index(2)]
        #[pallet::weight((Weight::from_parts(5_370_000, 0), DispatchClass::Operational))]
        pub fn set_oldest_stored_round(origin: OriginFor<T>, oldest_round: u64) -> DispatchResult {
            ensure_root(origin)?;
            OldestStoredRound::<T>::put(oldest_round);
            Self::deposit_event(Event::SetOldestStoredRound(oldest_round));
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
