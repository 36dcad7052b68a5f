use std::sync::Arc;

use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::transaction_validity::ValidTransaction;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Pool;
use crate::pool::{Candidate, Limits, PoolError, Standing, Status, Watcher};

const HEAD: H256 = H256([0; 32]);

/// An extrinsic of account `who` with `nonce`; the account's nonce in the state is 0.
fn candidate(who: u8, nonce: u8, priority: u64) -> Candidate {
    let bytes: Arc<[u8]> = vec![who, nonce, u8::try_from(priority).expect("small")].into();
    let validity = ValidTransaction {
        priority,
        requires: nonce.checked_sub(1).map(|before| vec![who, before]).into_iter().collect(),
        provides: vec![vec![who, nonce]],
        longevity: 100,
        propagate: true,
    };
    Candidate { hash: H256(sp_crypto_hashing::blake2_256(&bytes)), bytes, validity, validated: 0, watcher: None }
}

fn watched(mut candidate: Candidate) -> (Candidate, UnboundedReceiver<Status>) {
    let (watcher, statuses) = Watcher::new();
    candidate.watcher = Some(watcher);
    (candidate, statuses)
}

fn pool(count: usize) -> Pool {
    Pool::new(Limits { count, bytes: 1 << 20 }, HEAD)
}

fn ready(pool: &Pool) -> Vec<(u8, u8)> {
    pool.ready().iter().map(|(_, bytes)| (bytes[0], bytes[1])).collect()
}

#[test]
fn nonces_come_in_order_whatever_the_arrival() {
    let mut pool = pool(10);
    assert_eq!(pool.insert(candidate(1, 2, 0)), Ok(Standing::Future));
    assert_eq!(pool.insert(candidate(1, 1, 0)), Ok(Standing::Future));
    assert_eq!(pool.insert(candidate(2, 0, 0)), Ok(Standing::Ready));
    assert_eq!(ready(&pool), [(2, 0)]);
    assert_eq!(pool.insert(candidate(1, 0, 0)), Ok(Standing::Ready));
    assert_eq!(ready(&pool), [(2, 0), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn the_same_bytes_come_once() {
    let mut pool = pool(10);
    pool.insert(candidate(1, 0, 0)).expect("taken");
    let again = candidate(1, 0, 0);
    assert_eq!(pool.insert(candidate(1, 0, 0)), Err(PoolError::Duplicate(again.hash)));
}

#[test]
fn more_priority_takes_the_place_and_less_does_not() {
    let mut pool = pool(10);
    let (first, mut statuses) = watched(candidate(1, 0, 5));
    pool.insert(first).expect("taken");
    pool.insert(candidate(1, 1, 0)).expect("taken");
    assert_eq!(pool.insert(candidate(1, 0, 4)), Err(PoolError::Priority { old: 5, new: 4 }));
    let better = candidate(1, 0, 6);
    let hash = better.hash;
    assert_eq!(pool.insert(better), Ok(Standing::Ready));
    assert_eq!(statuses.try_recv(), Ok(Status::Ready));
    assert_eq!(statuses.try_recv(), Ok(Status::Usurped(hash)));
    assert_eq!(ready(&pool), [(1, 0), (1, 1)], "the next nonce stands on the new one");
}

#[test]
fn what_stood_on_an_invalid_one_waits_again() {
    let mut pool = pool(10);
    let first = candidate(1, 0, 0);
    let hash = first.hash;
    pool.insert(first).expect("taken");
    pool.insert(candidate(1, 1, 0)).expect("taken");
    pool.advance(HEAD, 1, &[], vec![(hash, "no".to_owned())]);
    assert_eq!(ready(&pool), []);
    assert_eq!(pool.len(), 1);
    pool.insert(candidate(1, 0, 9)).expect("taken");
    assert_eq!(ready(&pool), [(1, 0), (1, 1)]);
}

#[test]
fn what_stood_on_an_included_one_stays_ready() {
    let mut pool = pool(10);
    let (first, mut statuses) = watched(candidate(1, 0, 0));
    let hash = first.hash;
    pool.insert(first).expect("taken");
    pool.insert(candidate(1, 1, 0)).expect("taken");
    pool.advance(H256([1; 32]), 1, &[(hash, 3)], Vec::new());
    assert_eq!(statuses.try_recv(), Ok(Status::Ready));
    assert_eq!(statuses.try_recv(), Ok(Status::Included { block: H256([1; 32]), index: 3 }));
    assert_eq!(ready(&pool), [(1, 1)]);
}

#[test]
fn a_full_pool_evicts_only_those_that_wait_for_others() {
    let mut pool = pool(2);
    let (waiting, mut statuses) = watched(candidate(1, 5, 0));
    pool.insert(waiting).expect("taken");
    pool.insert(candidate(2, 0, 0)).expect("taken");
    assert_eq!(pool.insert(candidate(3, 0, 0)), Ok(Standing::Ready));
    assert_eq!(statuses.try_recv(), Ok(Status::Future));
    assert_eq!(statuses.try_recv(), Ok(Status::Dropped));
    assert_eq!(pool.insert(candidate(4, 0, 0)), Err(PoolError::Full));
}

#[test]
fn bytes_are_bounded_too() {
    let mut pool = Pool::new(Limits { count: 10, bytes: 7 }, HEAD);
    pool.insert(candidate(1, 0, 0)).expect("three bytes");
    pool.insert(candidate(2, 0, 0)).expect("six bytes");
    assert_eq!(pool.insert(candidate(3, 0, 0)), Err(PoolError::Full));
}

#[test]
fn an_old_one_is_dropped() {
    let mut pool = pool(10);
    let (old, mut statuses) = watched(candidate(1, 1, 0));
    pool.insert(old).expect("taken");
    pool.advance(HEAD, 96, &[], Vec::new());
    assert_eq!(pool.len(), 1);
    pool.advance(HEAD, 112, &[], Vec::new());
    assert!(pool.is_empty());
    assert_eq!(statuses.try_recv(), Ok(Status::Future));
    assert_eq!(statuses.try_recv(), Ok(Status::Dropped));
}

proptest! {
    /// Whatever comes and goes, an account's ready nonces have no gap, stand in order, and the books agree.
    #[test]
    fn ready_ones_never_have_a_gap(steps in prop::collection::vec((0u8..3, 0u8..6, 0u64..3, any::<bool>()), 1..80)) {
        let mut pool = pool(8);
        let mut nonces = [0u8; 3];
        for (who, nonce, priority, seal) in steps {
            if nonce >= nonces[usize::from(who)] {
                let mut candidate = candidate(who, nonce, priority);
                if nonce == nonces[usize::from(who)] {
                    candidate.validity.requires.clear();
                }
                pool.insert(candidate).ok();
            }
            let mut expected = nonces;
            for (_, bytes) in pool.ready() {
                prop_assert_eq!(bytes[1], expected[usize::from(bytes[0])]);
                expected[usize::from(bytes[0])] += 1;
            }
            prop_assert!(pool.len() <= 8);
            prop_assert_eq!(pool.pending().len(), pool.len());
            if seal {
                let included: Vec<_> = pool.ready().iter().map(|(hash, _)| (*hash, 0)).collect();
                pool.advance(HEAD, 1, &included, Vec::new());
                nonces = expected;
                prop_assert_eq!(pool.ready_len(), 0);
            }
        }
    }
}
