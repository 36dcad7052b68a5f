//! Every cheat against the real commitment, sampling and verification, without a network between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid};
use incentive::verdict::Fault;
use miner::work::{HonestWork, Work};
use proof::{Challenge, Commitment, Opening, RowKernel, ScalarKernel, Weights, sample, verify};
use tests::cheats::{Kind, Shared, work};

const HOTKEY: Hotkey = Hotkey([7; 32]);
const OWNER: Hotkey = Hotkey([8; 32]);
const ROUNDS: usize = 4;

/// The dimensions of the dev preset, only narrower: what is checked does not depend on the width.
fn challenge(block: u64) -> Challenge {
    let mut compute = Policy::dev().compute;
    compute.width = 32;
    Challenge { genesis: [1; 32], netuid: NetUid(2), block: Block(block), nonce: [block as u8; 32], compute }
}

/// Plays one window with one chain and opens it; `None` when the miner opens nothing.
fn window(work: &dyn Work, hotkey: Hotkey, block: u64, secret: u8) -> Option<Result<(), Fault>> {
    let challenge = challenge(block);
    let weights = Arc::new(Weights::resident(&challenge).unwrap());
    let mut worker = work.start(Arc::clone(&weights), &hotkey, 0);
    let roots: Vec<_> = (0..ROUNDS).map_while(|_| worker.next_round()).collect();
    assert_eq!(roots.len(), ROUNDS);
    let commitment = Commitment { hotkey, chains: vec![roots] };
    let samples = sample(&[secret; 32], &challenge, &commitment);
    let opening = Opening { rows: worker.open(&samples)? };
    Some(verify(&weights, &ScalarKernel, &commitment, &samples, &opening))
}

#[test]
fn honest_work_passes() {
    for secret in 0..8 {
        assert_eq!(window(&HonestWork::default(), HOTKEY, 9, secret), Some(Ok(())));
    }
}

#[test]
fn wrong_work_is_proven_fraud() {
    for kind in [Kind::Partial, Kind::SkipLayers, Kind::Foreign, Kind::Replay] {
        let work = work(kind, Duration::ZERO, OWNER);
        for (block, secret) in [(9, 1), (10, 2), (11, 3)] {
            assert_eq!(window(work.as_ref(), HOTKEY, block, secret), Some(Err(Fault::WrongRow)), "{kind:?}");
        }
    }
}

#[test]
fn a_replay_costs_nothing_from_the_second_window_on() {
    let work = work(Kind::Replay, Duration::ZERO, OWNER);
    let roots = |block| {
        let weights = Arc::new(Weights::resident(&challenge(block)).unwrap());
        let mut worker = work.start(weights, &HOTKEY, 0);
        [worker.next_round(), worker.next_round()]
    };
    assert_eq!(roots(9), roots(10));
}

#[test]
fn what_foreign_answers_would_pass_for_its_owner() {
    let foreign = work(Kind::Foreign, Duration::ZERO, OWNER);
    let weights = Arc::new(Weights::resident(&challenge(9)).unwrap());
    let relayed = foreign.start(Arc::clone(&weights), &HOTKEY, 0).next_round();
    assert_eq!(relayed, HonestWork::default().start(weights, &OWNER, 0).next_round());
}

#[test]
fn a_refusal_opens_nothing_though_its_work_is_honest() {
    let work = work(Kind::RefuseOpen, Duration::ZERO, OWNER);
    assert_eq!(window(work.as_ref(), HOTKEY, 9, 1), None);
}

#[test]
fn slow_work_is_right_but_late() {
    let window_length = Duration::from_millis(30);
    let started = Instant::now();
    assert_eq!(window(work(Kind::Slow, window_length, OWNER).as_ref(), HOTKEY, 9, 1), Some(Ok(())));
    assert!(started.elapsed() >= 2 * window_length);
}

/// The scalar kernel, watching how many use it at once.
#[derive(Default)]
struct Watched {
    busy: AtomicUsize,
    most: AtomicUsize,
}

impl RowKernel for Watched {
    fn multiply(&self, weights: &[i8], inputs: &[i8], width: usize, out: &mut [i32]) {
        self.most.fetch_max(self.busy.fetch_add(1, SeqCst) + 1, SeqCst);
        // Gives another thread the chance to be seen.
        std::thread::yield_now();
        ScalarKernel.multiply(weights, inputs, width, out);
        self.busy.fetch_sub(1, SeqCst);
    }
}

#[test]
fn a_shared_solver_works_for_both_hotkeys_but_for_one_at_a_time() {
    let kernel = Arc::new(Watched::default());
    let work = Arc::new(Shared::new(HonestWork::new(Arc::clone(&kernel) as Arc<dyn RowKernel>)));
    let players: Vec<_> = (0..2)
        .map(|player| {
            let work = Arc::clone(&work);
            std::thread::spawn(move || (9..29).map(|block| window(&*work, Hotkey([player; 32]), block, 1)).collect())
        })
        .collect();
    for player in players {
        let windows: Vec<_> = player.join().unwrap();
        assert_eq!(windows, [Some(Ok(())); 20]);
    }
    assert_eq!(kernel.most.load(SeqCst), 1);
}
