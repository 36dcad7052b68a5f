//! What a subnet says of itself.

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::pallet_prelude::OriginFor;

use super::{pallet::*, types::SubnetIdentityV3};

/// Most bytes of a name.
const SHORT: usize = 256;
/// Most bytes of anything else.
const LONG: usize = 1024;

impl<T: Config> Pallet<T> {
    pub(super) fn do_set_subnet_identity(
        origin: OriginFor<T>,
        netuid: u16,
        identity: SubnetIdentityV3,
    ) -> DispatchResult {
        Self::ensure_owner_or_root(origin, netuid)?;
        Self::put_identity(netuid, identity)
    }

    pub(super) fn put_identity(netuid: u16, identity: SubnetIdentityV3) -> DispatchResult {
        ensure!(fits(&identity), Error::<T>::InvalidIdentity);
        SubnetIdentitiesV3::<T>::insert(netuid, identity);
        Self::deposit_event(Event::SubnetIdentitySet(netuid));
        Ok(())
    }
}

fn fits(identity: &SubnetIdentityV3) -> bool {
    let short = [&identity.subnet_name, &identity.discord];
    let long = [
        &identity.github_repo,
        &identity.subnet_contact,
        &identity.subnet_url,
        &identity.description,
        &identity.logo_url,
        &identity.additional,
    ];
    short.into_iter().all(|text| text.len() <= SHORT) && long.into_iter().all(|text| text.len() <= LONG)
}
