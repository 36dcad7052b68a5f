//! What a validator thinks of the others.

use std::collections::BTreeSet;

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use incentive::yuma::upscale;
use parity_scale_codec::Compact;
use sp_runtime::AccountId32;

use super::{network::ROOT, pallet::*, registration::mechanism_index};

impl<T: Config> Pallet<T> {
    pub(super) fn do_set_weights(
        origin: OriginFor<T>,
        netuid: u16,
        mechanism: u8,
        uids: Vec<u16>,
        values: &[u16],
        version_key: u64,
    ) -> DispatchResult {
        ensure!(!CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::CommitRevealEnabled);
        Self::weigh(&ensure_signed(origin)?, netuid, mechanism, uids, values, version_key)
    }

    /// Sets weights on many subnets; those that are refused do not stop the others.
    pub(super) fn do_batch_set_weights(
        origin: OriginFor<T>,
        netuids: Vec<Compact<u16>>,
        weights: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
        version_keys: Vec<Compact<u64>>,
    ) -> DispatchResult {
        let hotkey = ensure_signed(origin)?;
        ensure!(netuids.len() == weights.len() && netuids.len() == version_keys.len(), Error::<T>::InputLengthsUnequal);
        let mut failed = Vec::new();
        for ((netuid, row), version_key) in netuids.iter().zip(weights).zip(version_keys) {
            let (uids, values): (Vec<u16>, Vec<u16>) = row.into_iter().map(|(uid, value)| (uid.0, value.0)).unzip();
            let origin = frame_system::RawOrigin::Signed(hotkey.clone()).into();
            if let Err(error) = Self::do_set_weights(origin, netuid.0, 0, uids, &values, version_key.0) {
                failed.push(Event::BatchWeightItemFailed(netuid.0, error));
            }
        }
        if !failed.is_empty() {
            Self::deposit_event(Event::BatchCompletedWithErrors());
        }
        failed.into_iter().for_each(Self::deposit_event);
        Self::deposit_event(Event::BatchWeightsCompleted(netuids, hotkey));
        Ok(())
    }

    /// Stores weights after all checks but that of commit-reveal. While that is on, the commit was what the rate limit
    /// counts, and the block of the commit stays that of the weights.
    pub(super) fn weigh(
        hotkey: &AccountId32,
        netuid: u16,
        mechanism: u8,
        uids: Vec<u16>,
        values: &[u16],
        version_key: u64,
    ) -> DispatchResult {
        ensure!(netuid != ROOT, Error::<T>::CanNotSetRootNetworkWeights);
        ensure!(uids.len() == values.len(), Error::<T>::WeightVecNotEqualSize);
        ensure!(Self::mechanism_exists(netuid, mechanism), Error::<T>::MechanismDoesNotExist);
        let neurons = SubnetworkN::<T>::get(netuid);
        ensure!(uids.len() <= usize::from(neurons), Error::<T>::UidsLengthExceedUidsInSubNet);
        let uid = Uids::<T>::get(netuid, hotkey).ok_or(Error::<T>::HotKeyNotRegisteredInSubNet)?;
        ensure!(Self::enough_stake_for_weights(hotkey, netuid), Error::<T>::NotEnoughStakeToSetWeights);
        let expected = WeightsVersionKey::<T>::get(netuid);
        ensure!(expected == 0 || version_key >= expected, Error::<T>::IncorrectWeightVersionKey);
        let index = mechanism_index(netuid, mechanism);
        let committed = CommitRevealWeightsEnabled::<T>::get(netuid);
        let in_time = committed || Self::weights_rate_limit_passed(netuid, index, uid);
        ensure!(in_time, Error::<T>::SettingWeightsTooFast);
        let self_weight = uids == [uid];
        ensure!(self_weight || Self::may_weigh(hotkey, netuid, uid), Error::<T>::NeuronNoValidatorPermit);
        ensure!(uids.iter().collect::<BTreeSet<_>>().len() == uids.len(), Error::<T>::DuplicateUids);
        ensure!(uids.iter().all(|uid| *uid < neurons), Error::<T>::UidVecContainInvalidOne);
        let shortest = usize::from(MinAllowedWeights::<T>::get(netuid).min(neurons));
        ensure!(self_weight || uids.len() >= shortest, Error::<T>::WeightVecLengthIsLow);

        let weights: Vec<(u16, u16)> = uids.into_iter().zip(upscale(values)).collect();
        Weights::<T>::insert(index, uid, weights);
        if !committed {
            Self::note_weights(netuid, index, uid);
        }
        Self::deposit_event(Event::WeightsSet(index, uid));
        Ok(())
    }

    /// Remembers this block as the one of a neuron's last weights, or of its last commit.
    pub(super) fn note_weights(netuid: u16, index: u16, uid: u16) {
        let (block, neurons) = (Self::block(), SubnetworkN::<T>::get(netuid));
        LastUpdate::<T>::mutate(index, |blocks| {
            blocks.resize(usize::from(neurons).max(blocks.len()), 0);
            if let Some(last) = blocks.get_mut(usize::from(uid)) {
                *last = block;
            }
        });
    }

    pub(super) fn mechanism_exists(netuid: u16, mechanism: u8) -> bool {
        NetworksAdded::<T>::get(netuid) && mechanism < MechanismCountCurrent::<T>::get(netuid)
    }

    /// Whether the stake behind a hotkey, root stake at its weight included, reaches the threshold.
    pub(super) fn enough_stake_for_weights(hotkey: &AccountId32, netuid: u16) -> bool {
        Self::is_owner_hotkey(hotkey, netuid) || Self::total_stake(hotkey, netuid) >= StakeThreshold::<T>::get()
    }

    fn is_owner_hotkey(hotkey: &AccountId32, netuid: u16) -> bool {
        SubnetOwnerHotkey::<T>::try_get(netuid).is_ok_and(|owner| owner == *hotkey)
    }

    pub(super) fn weights_rate_limit_passed(netuid: u16, index: u16, uid: u16) -> bool {
        let last = LastUpdate::<T>::get(index).get(usize::from(uid)).copied().unwrap_or(0);
        last == 0 || Self::block().saturating_sub(last) >= WeightsSetRateLimit::<T>::get(netuid)
    }

    fn may_weigh(hotkey: &AccountId32, netuid: u16, uid: u16) -> bool {
        Self::is_owner_hotkey(hotkey, netuid)
            || ValidatorPermit::<T>::get(netuid).get(usize::from(uid)).copied().unwrap_or(false)
    }
}
