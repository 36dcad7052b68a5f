//! Which pulses are taken, and for how long they are kept.

use frame_support::{ensure, pallet_prelude::*};
use sp_runtime::{
    MultiSignature,
    traits::{IdentifyAccount as _, Verify as _},
};
use timelock::{PublicKey, Signature};

use super::{
    pallet::*,
    types::{Pulse, PulsesPayload},
};

/// Pulses that are kept: a week of quicknet's.
pub const MAX_KEPT_PULSES: u64 = 216_000;
/// Pulses that one call removes at most.
pub const MAX_REMOVED_PULSES: u64 = 100;

impl<T: Config> Pallet<T> {
    /// Whether the pool takes a report: one pulse, newer than the last, under a signature of whoever reports it.
    pub(super) fn admit(payload: &PulsesPayload, signature: Option<&MultiSignature>) -> TransactionValidity {
        let signature = signature.ok_or(InvalidTransaction::BadSigner)?;
        let reporter = payload.public.clone().into_account();
        ensure!(payload.using_encoded(|bytes| signature.verify(bytes, &reporter)), InvalidTransaction::BadProof);
        let block = frame_system::Pallet::<T>::block_number();
        ensure!(block >= payload.block_number.into(), InvalidTransaction::Future);
        let [pulse] = payload.pulses.as_slice() else { return InvalidTransaction::Call.into() };
        let stale = NextUnsignedAt::<T>::get() > block || pulse.round <= LastStoredRound::<T>::get();
        ensure!(!stale, InvalidTransaction::Stale);
        ValidTransaction::with_tag_prefix("DrandOffchainWorker")
            // The oldest round first.
            .priority(T::UnsignedPriority::get().saturating_add(u64::MAX - pulse.round))
            .and_provides((b"drand", pulse.round).using_encoded(sp_crypto_hashing::blake2_256))
            .longevity(3)
            .propagate(false)
            .build()
    }

    /// Stores the pulses that the beacon signed, oldest first; others are passed over.
    pub(super) fn do_write_pulses(pulses: &[Pulse]) -> DispatchResult {
        let beacon = BeaconConfig::<T>::get();
        let key = beacon.public_key.as_slice().try_into().ok().and_then(|bytes| PublicKey::from_bytes(bytes).ok());
        let key = key.ok_or(Error::<T>::PulseVerificationError)?;
        let mut last = LastStoredRound::<T>::get();
        let mut rounds = Vec::new();
        for pulse in pulses {
            if signature(pulse).ok_or(Error::<T>::PulseVerificationError)?.verify(&key, pulse.round) {
                ensure!(pulse.round > last, Error::<T>::InvalidRoundNumber);
                Pulses::<T>::insert(pulse.round, pulse);
                last = pulse.round;
                rounds.push(pulse.round);
            }
        }
        if let (0, 0, Some(first)) = (LastStoredRound::<T>::get(), OldestStoredRound::<T>::get(), rounds.first()) {
            OldestStoredRound::<T>::put(first);
        }
        LastStoredRound::<T>::put(last);
        Self::remove_old(last);
        NextUnsignedAt::<T>::put(frame_system::Pallet::<T>::block_number());
        if !rounds.is_empty() {
            Self::deposit_event(Event::NewPulse { rounds });
        }
        Ok(())
    }

    fn remove_old(last: u64) {
        let oldest = OldestStoredRound::<T>::get();
        if oldest == 0 {
            return;
        }
        let stored = last.saturating_sub(oldest).saturating_add(1);
        let surplus = stored.saturating_sub(MAX_KEPT_PULSES).min(MAX_REMOVED_PULSES);
        let kept: u64 = oldest.saturating_add(surplus);
        for round in oldest..kept {
            Pulses::<T>::remove(round);
        }
        OldestStoredRound::<T>::put(kept);
    }
}

fn signature(pulse: &Pulse) -> Option<Signature> {
    Signature::from_bytes(pulse.signature.as_slice().try_into().ok()?).ok()
}
