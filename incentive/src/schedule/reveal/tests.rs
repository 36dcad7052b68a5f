use super::*;
use proptest::prelude::*;
use serde::Deserialize;

/// Recorded with bittensor_core 0.1.5 and bittensor_drand 2.0.0 by `timelock/vectors/make.py`, which agree on all.
const WHEELS: &str = include_str!("../../../vectors/reveal.json");

fn at(last_epoch: u64, pending: u64, tempo: u16, block: u64) -> CommitTime {
    CommitTime { rhythm: Rhythm { tempo, last_epoch, pending, since_step: 0 }, epoch: 0, block, reveal_period: 1 }
}

#[test]
fn known_reveals() {
    assert_eq!(at(10, 0, 50, 10).reveal(), Ok(Reveal { commit_epoch: 0, block: 60 }));
    assert_eq!(at(80, 95, 20, 91).reveal(), Ok(Reveal { commit_epoch: 0, block: 95 }));
    assert_eq!(at(100, 0, 50, 120).reveal().unwrap().commit_epoch, 0);
    // The epoch is due in the commit's own block: the commit belongs to it.
    assert_eq!(at(100, 0, 50, 149).reveal(), Ok(Reveal { commit_epoch: 1, block: 200 }));
}

#[test]
fn what_cannot_be_foreseen_is_said() {
    assert_eq!(at(10, 0, 0, 10).reveal(), Err(RevealError::Stopped));
    let long = CommitTime { reveal_period: 101, ..at(10, 0, 50, 10) };
    assert_eq!(long.reveal(), Err(RevealError::PeriodTooLong(101)));
    assert_eq!(at(10, 0, 50, u64::MAX).reveal(), Err(RevealError::Unforeseeable));
    assert_eq!(at(u64::MAX, 0, 50, u64::MAX - 5).reveal(), Err(RevealError::Unforeseeable));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    last_epoch: u64,
    pending: u64,
    index: u64,
    tempo: u16,
    since_step: u64,
    block: u64,
    period: u64,
    reveal: Option<u64>,
}

impl Case {
    fn time(&self) -> CommitTime {
        let Self { last_epoch, pending, tempo, since_step, .. } = *self;
        let rhythm = Rhythm { tempo, last_epoch, pending, since_step };
        CommitTime { rhythm, epoch: self.index, block: self.block, reveal_period: self.period }
    }
}

#[test]
fn the_wheels_foresee_the_same_blocks() {
    let cases: Vec<Case> = serde_json::from_str(WHEELS).unwrap();
    assert_eq!(cases.len(), 600);
    let wrong: Vec<_> =
        cases.iter().filter(|case| case.time().reveal().ok().map(|to| to.block) != case.reveal).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ, such as {:?} (ours: {:?})",
        wrong.len(),
        cases.len(),
        wrong[0],
        wrong[0].time().reveal()
    );
}

/// The chain's own order of a block: reveal, then epoch, then the calls. Returns the block that reveals a commit.
fn played(time: &CommitTime) -> (u64, u64) {
    let (mut rhythm, mut epoch, mut committed) = (time.rhythm, time.epoch, None);
    for block in time.block + 1.. {
        let now = epoch_in(&rhythm, epoch, block);
        if let Some(filed) = committed.filter(|filed| now >= filed + time.reveal_period) {
            return (filed, block);
        }
        let (next, step) = advance(&rhythm, block, true);
        (rhythm, epoch) = (next, epoch + u64::from(step == Step::Epoch));
        committed.get_or_insert_with(|| epoch_in(&rhythm, epoch, block));
    }
    unreachable!("an endless range ended")
}

proptest! {
    #[test]
    fn a_chain_that_steps_reveals_where_foreseen(
        tempo in 1u16..400, since_last in 0u64..800, ahead in 0u64..400, is_pending: bool, since_step in 0u64..1000,
        index in 0u64..50, reveal_period in 1u64..5, block in 1000u64..100_000,
    ) {
        let pending = if is_pending { block + ahead } else { 0 };
        let rhythm = Rhythm { tempo, last_epoch: block - since_last, pending, since_step };
        let time = CommitTime { rhythm, epoch: index, block, reveal_period };
        let foreseen = time.reveal().unwrap();
        prop_assert_eq!(played(&time), (foreseen.commit_epoch, foreseen.block));
    }
}
