//! Weights that are committed first and revealed later (commit-reveal version 4).
//!
//! A commit is a ciphertext that the beacon's signature of a round opens. It waits in the queue of the epoch in which
//! it was made. `reveal_commits` opens the queue at the start of the epoch in which it is due.

use frame_support::{ensure, pallet_prelude::DispatchResult};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use incentive::{schedule::epoch_due, yuma::Commit};
use sp_core::H256;
use sp_runtime::AccountId32;

use super::{pallet::*, registration::mechanism_index, types::SealedWeights};

/// Commits of one hotkey that one epoch takes for a mechanism.
const MAX_COMMITS: usize = 10;

impl<T: Config> Pallet<T> {
    pub(super) fn do_commit_timelocked_weights(
        origin: OriginFor<T>,
        netuid: u16,
        mechanism: u8,
        sealed: SealedWeights,
        round: u64,
        version: u16,
    ) -> DispatchResult {
        ensure!(Self::mechanism_exists(netuid, mechanism), Error::<T>::MechanismDoesNotExist);
        let hotkey = ensure_signed(origin)?;
        ensure!(CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::CommitRevealDisabled);
        ensure!(version == CommitRevealWeightsVersion::<T>::get(), Error::<T>::IncorrectCommitRevealVersion);
        let uid = Uids::<T>::get(netuid, &hotkey).ok_or(Error::<T>::HotKeyNotRegisteredInSubNet)?;
        let index = mechanism_index(netuid, mechanism);
        ensure!(Self::weights_rate_limit_passed(netuid, index, uid), Error::<T>::CommittingWeightsTooFast);
        let epoch = Self::epoch_of_this_block(netuid);
        let mut queue = TimelockedWeightCommits::<T>::get(index, epoch);
        let own = queue.iter().filter(|(committer, ..)| *committer == hotkey).count();
        ensure!(own < MAX_COMMITS, Error::<T>::TooManyUnrevealedCommits);

        let hash = H256(sp_crypto_hashing::blake2_256(&sealed));
        queue.push((hotkey.clone(), Self::block(), sealed, round));
        TimelockedWeightCommits::<T>::insert(index, epoch, queue);
        Self::deposit_event(Event::TimelockedWeightsCommitted(hotkey, index, hash, round));
        Self::note_weights(netuid, index, uid);
        Ok(())
    }

    /// The epoch that this block belongs to: the next one already when an epoch is due in this block.
    pub(super) fn epoch_of_this_block(netuid: u16) -> u64 {
        let begins = epoch_due(&Self::rhythm(netuid), Self::block());
        SubnetEpochIndex::<T>::get(netuid).saturating_add(u64::from(begins))
    }

    /// All commits of a mechanism that wait, with who made them.
    pub(super) fn waiting_commits(index: u16) -> Vec<(AccountId32, Commit)> {
        TimelockedWeightCommits::<T>::iter_prefix(index)
            .flat_map(|(epoch, queue)| {
                queue.into_iter().map(move |(hotkey, block, ..)| (hotkey, Commit { epoch, block }))
            })
            .collect()
    }
}
