//! Who may change a setting of a subnet now.

use frame_system::{ensure_root, pallet_prelude::OriginFor};
use sp_runtime::{AccountId32, DispatchError};

use super::pallet;
use crate::subtensor::{NetworksAdded, Pallet as Subtensor, owner::Limit, types::Hyperparameter};

/// Who may change a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Root alone.
    Root,
    /// Root, and the owner of the subnet now and then.
    Owner(Hyperparameter),
}

/// What else must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// No epoch is near.
    Open,
    /// The subnet exists.
    Known,
}

/// Leave to change a setting of a subnet.
pub struct Permit<T: pallet::Config> {
    netuid: u16,
    owner: Option<AccountId32>,
    limit: Option<Limit>,
    _runtime: core::marker::PhantomData<T>,
}

impl<T: pallet::Config> Permit<T> {
    /// Leave for whom a row of the table names.
    ///
    /// # Errors
    /// A bad origin, or an owner who changed the same too recently.
    pub fn of(origin: OriginFor<T>, netuid: u16, who: Who) -> Result<Self, DispatchError> {
        match who {
            Who::Root => Self::of_root(origin, netuid),
            Who::Owner(hyperparameter) => Self::of_owner(origin, netuid, Limit::Hyperparameter(hyperparameter)),
        }
    }

    /// Leave for root.
    ///
    /// # Errors
    /// A bad origin.
    pub fn of_root(origin: OriginFor<T>, netuid: u16) -> Result<Self, DispatchError> {
        ensure_root(origin)?;
        Ok(Self { netuid, owner: None, limit: None, _runtime: core::marker::PhantomData })
    }

    /// Leave for root and the owner, who waits between two changes.
    ///
    /// # Errors
    /// A bad origin, or `TxRateLimitExceeded`.
    pub fn of_owner(origin: OriginFor<T>, netuid: u16, limit: Limit) -> Result<Self, DispatchError> {
        let permit = Self::of_owner_unlimited(origin, netuid)?;
        Subtensor::<T>::ensure_owner_limit(permit.owner.as_ref(), netuid, limit)?;
        Ok(Self { limit: Some(limit), ..permit })
    }

    /// Leave for root and the owner.
    ///
    /// # Errors
    /// A bad origin.
    pub fn of_owner_unlimited(origin: OriginFor<T>, netuid: u16) -> Result<Self, DispatchError> {
        let owner = Subtensor::<T>::ensure_owner_or_root(origin, netuid)?;
        Ok(Self { netuid, owner, limit: None, _runtime: core::marker::PhantomData })
    }

    /// Whether root asked.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.owner.is_none()
    }

    /// A check of the table.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::known`].
    pub fn check(self, check: Check) -> Result<Self, DispatchError> {
        match check {
            Check::Open => self.open(),
            Check::Known => self.known(),
        }
    }

    /// Unless an epoch is near.
    ///
    /// # Errors
    /// `AdminActionProhibitedDuringWeightsWindow`.
    pub fn open(self) -> Result<Self, DispatchError> {
        Subtensor::<T>::ensure_window_open(self.netuid)?;
        Ok(self)
    }

    /// If the subnet exists.
    ///
    /// # Errors
    /// `SubnetDoesNotExist`.
    pub fn known(self) -> Result<Self, DispatchError> {
        if NetworksAdded::<T>::get(self.netuid) { Ok(self) } else { Err(pallet::Error::<T>::SubnetDoesNotExist.into()) }
    }

    /// Remembers that the owner made the change.
    pub fn count(self) {
        if let Some(limit) = self.limit {
            Subtensor::<T>::count_owner(self.owner.as_ref(), self.netuid, limit);
        }
    }
}
