//! Opens the commits whose epoch has come, in every block before anything is paid.
//!
//! A commit whose pulse is missing waits for it until the epoch ends. Everything else that is wrong with one drops it
//! without a word: nobody is there to hear it.

use incentive::schedule::epoch_due;
use sp_runtime::AccountId32;
use timelock::{Signature, WeightsPayload};

use super::{pallet::*, registration::mechanism_index, types::SealedWeights};
use crate::drand::Pulses;

impl<T: Config> Pallet<T> {
    /// Reveals what is due on all subnets, but those whose epoch the cap of this block puts off.
    pub(super) fn reveal_commits(netuids: &[u16], block: u64) {
        let mut room = usize::from(MaxEpochsPerBlock::<T>::get());
        for netuid in netuids.iter().copied() {
            if epoch_due(&Self::rhythm(netuid), block) {
                if room == 0 {
                    continue;
                }
                room -= usize::from(Self::keys_are_distinct(netuid));
            }
            Self::reveal_on(netuid);
        }
    }

    fn reveal_on(netuid: u16) {
        let (epoch, period) = (Self::epoch_of_this_block(netuid), RevealPeriodEpochs::<T>::get(netuid));
        let due = epoch.saturating_sub(period);
        for mechanism in 0..MechanismCountCurrent::<T>::get(netuid) {
            let index = mechanism_index(netuid, mechanism);
            let expired: Vec<u64> =
                TimelockedWeightCommits::<T>::iter_key_prefix(index).filter(|epoch| *epoch < due).collect();
            for epoch in expired {
                TimelockedWeightCommits::<T>::remove(index, epoch);
            }
            if epoch >= period {
                Self::reveal_queue(netuid, mechanism, due);
            }
        }
    }

    fn reveal_queue(netuid: u16, mechanism: u8, epoch: u64) {
        let index = mechanism_index(netuid, mechanism);
        let mut waiting = TimelockedWeightCommits::<T>::take(index, epoch);
        waiting.retain(|(hotkey, _, sealed, round)| {
            let Some(pulse) = Pulses::<T>::get(round) else { return true };
            if Self::reveal(netuid, mechanism, hotkey, sealed, &pulse.signature).is_some() {
                Self::deposit_event(Event::TimelockedWeightsRevealed(index, hotkey.clone()));
            }
            false
        });
        if !waiting.is_empty() {
            TimelockedWeightCommits::<T>::insert(index, epoch, waiting);
        }
    }

    /// Opens one commit and sets its weights by the rules of this moment.
    fn reveal(netuid: u16, mechanism: u8, hotkey: &AccountId32, sealed: &SealedWeights, pulse: &[u8]) -> Option<()> {
        let signature = Signature::from_bytes(pulse.try_into().ok()?).ok()?;
        let payload = WeightsPayload::open(&timelock::decrypt(sealed, &signature).ok()?, hotkey.as_ref()).ok()?;
        Self::weigh(hotkey, netuid, mechanism, payload.uids, &payload.values, payload.version_key).ok()
    }
}
