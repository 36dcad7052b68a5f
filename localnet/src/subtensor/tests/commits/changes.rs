//! What happens to a commit when its subnet changes before the reveal.

use super::*;

#[test]
fn a_tempo_that_grows_moves_the_reveal_with_the_epoch() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        let expected = next_epoch(netuid);
        pallet::Tempo::<Runtime>::insert(netuid, 50);
        advance_to(expected);
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 1));
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], 0));
    });
}

#[test]
fn a_tempo_that_shrinks_may_run_past_the_round() {
    subnet_of_committers(|netuid| {
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        assert_ok!(commit(RIVAL, netuid, ROUND + 9, &[3]));
        pallet::Tempo::<Runtime>::insert(netuid, 3);
        advance_to(next_epoch(netuid) + 1);
        // The first round comes while its epoch lasts, the second after it.
        pulse(ROUND);
        advance_to(next_epoch(netuid));
        pulse(ROUND + 9);
        advance_to(next_epoch(netuid) + 9);
        assert_eq!((weights(netuid, 1), weights(netuid, 2)), (vec![(3, u16::MAX)], vec![]));
        assert_eq!(waiting(netuid), 0);
    });
}

#[test]
fn whoever_takes_over_a_uid_does_not_inherit_the_commit() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        P::replace_neuron(netuid, 1, &account(50), P::block());
        pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[1] = true);
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 0));
    });
}

#[test]
fn a_hotkey_that_moved_to_another_uid_sets_its_weights_there() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        P::replace_neuron(netuid, 1, &account(50), P::block());
        register(netuid, VALIDATOR).unwrap();
        pallet::ValidatorPermit::<Runtime>::mutate(netuid, |permits| permits[4] = true);
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), weights(netuid, 4)), (vec![], vec![(3, u16::MAX)]));
    });
}

#[test]
fn a_swapped_hotkey_loses_its_commit() {
    subnet_of_committers(|netuid| {
        pulse(ROUND);
        assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
        // As a swap leaves it: another hotkey with its own stake in the same place.
        P::own_hotkey(&alice(), &account(60)).unwrap();
        P::stake(&account(60), &alice(), netuid, 100 * TAO);
        pallet::Uids::<Runtime>::remove(netuid, account(VALIDATOR));
        pallet::Uids::<Runtime>::insert(netuid, account(60), 1);
        pallet::Keys::<Runtime>::insert(netuid, 1, account(60));
        advance_to(next_epoch(netuid));
        assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![], 0));
        // The new one commits for itself.
        assert_ok!(commit(60, netuid, ROUND, &[3]));
        advance_to(next_epoch(netuid));
        assert_eq!(weights(netuid, 1), [(3, u16::MAX)]);
    });
}

#[test]
fn a_miner_registered_after_the_commit_is_not_paid_by_it() {
    let paid = |replaced: bool| {
        let mut paid = 0;
        subnet_of_committers(|netuid| {
            pulse(ROUND);
            assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
            if replaced {
                P::replace_neuron(netuid, 3, &account(50), P::block() + 1);
            }
            advance_to(next_epoch(netuid));
            assert_eq!(weights(netuid, 1), [(3, u16::MAX)]);
            paid = incentives(netuid)[3];
        });
        paid
    };
    assert_eq!([paid(true), paid(false)], [0, u16::MAX]);
}

#[test]
fn an_older_commit_that_still_waits_masks_newer_miners() {
    let paid = |waits: bool| {
        let mut paid = 0;
        subnet_of_committers(|netuid| {
            if waits {
                assert_ok!(commit(VALIDATOR, netuid, ROUND + 9, &[3]));
            }
            advance_to(System::block_number() + 1);
            P::replace_neuron(netuid, 3, &account(50), P::block());
            advance_to(System::block_number() + 1);
            pulse(ROUND);
            assert_ok!(commit(VALIDATOR, netuid, ROUND, &[3]));
            advance_to(next_epoch(netuid));
            assert_eq!((weights(netuid, 1), waiting(netuid)), (vec![(3, u16::MAX)], usize::from(waits)));
            paid = incentives(netuid)[3];
        });
        paid
    };
    assert_eq!([paid(true), paid(false)], [0, u16::MAX]);
}
