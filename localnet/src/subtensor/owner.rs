//! What owners of subnets may change, how often, and when.

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, ensure_signed_or_root, pallet_prelude::OriginFor};
use sp_runtime::{AccountId32, DispatchError};

use super::{
    pallet::*,
    types::{Hyperparameter, RateLimitKey},
};

/// A kind of change that an owner may make only now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Some epochs apart for each hyperparameter: `OwnerHyperparamRateLimit`.
    Hyperparameter(Hyperparameter),
    /// Some epochs apart: `WeightsVersionKeyRateLimit`.
    WeightsVersionKey,
    /// A day apart.
    MechanismCount,
    /// A day apart.
    MechanismEmission,
    /// A month apart.
    Trimming,
    /// The shortest tempo apart.
    Tempo,
    /// A week apart, whoever asks.
    OwnerHotkey,
}

/// The shortest tempo that an owner may choose, in blocks.
pub const MIN_TEMPO: u16 = 360;
const DAY: u64 = 7200;

impl Limit {
    /// Blocks between two such changes.
    fn blocks<T: Config>(self, netuid: u16) -> u64 {
        let epochs = |count: u64| u64::from(Tempo::<T>::get(netuid)).saturating_mul(count);
        match self {
            Self::Hyperparameter(_) => epochs(OwnerHyperparamRateLimit::<T>::get().into()),
            Self::WeightsVersionKey => epochs(WeightsVersionKeyRateLimit::<T>::get()),
            Self::MechanismCount | Self::MechanismEmission => DAY,
            Self::Trimming => 30 * DAY,
            Self::Tempo => MIN_TEMPO.into(),
            Self::OwnerHotkey => 7 * DAY,
        }
    }

    /// Where the last such change is remembered: by subnet, or else by account under the pallet's number of the kind.
    fn place(self, netuid: u16) -> Result<RateLimitKey<AccountId32>, u16> {
        match self {
            Self::Hyperparameter(hyperparameter) => Ok(RateLimitKey::OwnerHyperparamUpdate(netuid, hyperparameter)),
            Self::OwnerHotkey => Ok(RateLimitKey::SetSNOwnerHotkey(netuid)),
            Self::WeightsVersionKey => Err(4),
            Self::MechanismCount => Err(7),
            Self::MechanismEmission => Err(8),
            Self::Trimming => Err(9),
            Self::Tempo => Err(11),
        }
    }

    pub(super) fn passed<T: Config>(self, who: &AccountId32, netuid: u16) -> bool {
        let last = match self.place(netuid) {
            Ok(key) => LastRateLimitedBlock::<T>::get(key),
            Err(kind) => TransactionKeyLastBlock::<T>::get((who, netuid, kind)),
        };
        last == 0 || Pallet::<T>::block().saturating_sub(last) >= self.blocks::<T>(netuid)
    }

    pub(super) fn count<T: Config>(self, who: &AccountId32, netuid: u16) {
        let block = Pallet::<T>::block();
        match self.place(netuid) {
            Ok(key) => LastRateLimitedBlock::<T>::insert(key, block),
            Err(kind) => TransactionKeyLastBlock::<T>::insert((who, netuid, kind), block),
        }
    }
}

impl<T: Config> Pallet<T> {
    /// The owner of a subnet; none for root.
    ///
    /// # Errors
    /// Anybody else is a bad origin.
    pub fn ensure_owner_or_root(origin: OriginFor<T>, netuid: u16) -> Result<Option<AccountId32>, DispatchError> {
        match ensure_signed_or_root(origin)? {
            Some(who) if who != SubnetOwner::<T>::get(netuid) => Err(DispatchError::BadOrigin),
            allowed => Ok(allowed),
        }
    }

    pub(super) fn ensure_owner(origin: OriginFor<T>, netuid: u16) -> Result<AccountId32, DispatchError> {
        let who = ensure_signed(origin)?;
        if who == SubnetOwner::<T>::get(netuid) { Ok(who) } else { Err(DispatchError::BadOrigin) }
    }

    /// Refuses an owner who made such a change too recently; root waits for nothing.
    ///
    /// # Errors
    /// `TxRateLimitExceeded`.
    pub fn ensure_owner_limit(owner: Option<&AccountId32>, netuid: u16, limit: Limit) -> DispatchResult {
        ensure!(owner.is_none_or(|who| limit.passed::<T>(who, netuid)), Error::<T>::TxRateLimitExceeded);
        Ok(())
    }

    /// Remembers that an owner made such a change.
    pub fn count_owner(owner: Option<&AccountId32>, netuid: u16, limit: Limit) {
        if let Some(who) = owner {
            limit.count::<T>(who, netuid);
        }
    }

    /// Refuses changes shortly before an epoch, when validators submit what they worked out for the old rules.
    ///
    /// # Errors
    /// `AdminActionProhibitedDuringWeightsWindow`.
    pub fn ensure_window_open(netuid: u16) -> DispatchResult {
        ensure!(!Self::window_closed(netuid), Error::<T>::AdminActionProhibitedDuringWeightsWindow);
        Ok(())
    }

    fn window_closed(netuid: u16) -> bool {
        let pending = PendingEpochAt::<T>::get(netuid);
        Tempo::<T>::get(netuid) != 0 && (pending > Self::block() || Self::epoch_is_near(netuid))
    }

    /// Whether the regular epoch comes within the freeze window; also when it was missed.
    pub(super) fn epoch_is_near(netuid: u16) -> bool {
        let rhythm = Self::rhythm(netuid);
        let next = rhythm.last_epoch.saturating_add(rhythm.tempo.into());
        next.saturating_sub(Self::block()) < u64::from(AdminFreezeWindow::<T>::get())
    }

    /// Makes a hotkey the owner's on the subnet.
    pub(crate) fn do_set_owner_hotkey(origin: OriginFor<T>, netuid: u16, hotkey: &AccountId32) -> DispatchResult {
        Self::ensure_owner_or_root(origin, netuid)?;
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(Limit::OwnerHotkey.passed::<T>(hotkey, netuid), Error::<T>::TxRateLimitExceeded);
        Limit::OwnerHotkey.count::<T>(hotkey, netuid);
        SubnetOwnerHotkey::<T>::insert(netuid, hotkey);
        Self::deposit_event(Event::SubnetOwnerHotkeySet(netuid, hotkey.clone()));
        Ok(())
    }
}
