use std::path::Path;

use incentive::board::{Board, Window};
use incentive::policy::Policy;
use incentive::task::Task;
use incentive::units::{Rao, Registration, Score, Uid, Weight};
use incentive::verdict::Verdict;
use incentive::weights::WeightVector;
use neuron_common::chain::{BlockRef, Cause, ChainError, Commit, Inclusion, Neuron, Snapshot};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use super::*;
use crate::store::{Attempts, Reveal, RoundEnd, RoundStart};

const OWN: Hotkey = Hotkey([1; 32]);
const MINER: Hotkey = Hotkey([2; 32]);

fn neuron(uid: u16, hotkey: Hotkey) -> Neuron {
    Neuron {
        uid: Uid(uid),
        hotkey,
        coldkey: Hotkey([0; 32]),
        registered: Block(5),
        axon: None,
        validator_permit: hotkey == OWN,
        active: true,
        last_update: Block(0),
        incentive: 0,
        dividends: 0,
        emission: Rao(0),
        stake: Rao(0),
    }
}

fn subnet() -> Snapshot {
    Snapshot {
        block: BlockRef { number: Block(110), hash: [0; 32] },
        netuid: NetUid(2),
        tempo: 20,
        last_epoch_block: Block(100),
        epoch_index: 5,
        weights_rate_limit: 10,
        weights_version_key: 0,
        commit_reveal: false,
        owner_uid: Some(Uid(0)),
        neurons: vec![neuron(0, Hotkey([9; 32])), neuron(1, OWN), neuron(2, MINER)],
    }
}

/// The round of this epoch has ended, and the last submission was that of `epoch`.
fn past(epoch: u64) -> Past {
    tried(epoch, 1, Submission::Landed(Block(105)))
}

/// The round of this epoch has ended, and so have some submissions of `epoch`.
fn tried(epoch: u64, count: u32, last: Submission) -> Past {
    Past { attempts: Some(Attempts { epoch, count, last }), round: Block(105) }
}

/// Under the policy `dev`.
fn decided(snapshot: &Snapshot, own: &Hotkey, board: &Board, past: &Past) -> Decision {
    decide(snapshot, own, board, past, &Policy::dev())
}

fn measured() -> Board {
    let mut board = Board::new();
    for (uid, hotkey) in [(0, Hotkey([9; 32])), (1, OWN), (2, MINER)] {
        let registration = Registration { hotkey, block: Block(5) };
        let window = Window { block: Block(105), tempo: 20 };
        board.record(registration, Uid(uid), (Task::Compute, Verdict::Accepted(Score(8))), window, &Policy::dev());
    }
    board
}

#[test]
fn only_others_are_paid() {
    let Decision::Submit(weights) = decided(&subnet(), &OWN, &measured(), &past(4)) else {
        panic!("nothing to submit")
    };
    assert_eq!(weights.uids, [Uid(2)], "neither the owner nor this validator");
}

#[test]
fn nobody_earned_anything_so_it_is_burned() {
    let mut board = Board::new();
    let registration = Registration { hotkey: MINER, block: Block(5) };
    let window = Window { block: Block(105), tempo: 20 };
    board.record(registration, Uid(2), (Task::Compute, Verdict::Accepted(Score(0))), window, &Policy::dev());
    let Decision::Submit(weights) = decided(&subnet(), &OWN, &board, &past(0)) else { panic!("nothing to submit") };
    assert_eq!(weights.uids, [Uid(0)]);
    let ownerless = Snapshot { owner_uid: None, ..subnet() };
    assert_eq!(decided(&ownerless, &OWN, &board, &past(0)), Decision::Skip(Skip::NothingToPay));
}

#[test]
fn every_reason_not_to_submit() {
    let with = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = subnet();
        change(&mut snapshot);
        decided(&snapshot, &OWN, &measured(), &past(4))
    };
    assert!(matches!(with(&|s| s.commit_reveal = true), Decision::Submit(_)), "committed instead");
    assert_eq!(with(&|s| s.weights_version_key = 2), Decision::Skip(Skip::Version(2)));
    assert_eq!(with(&|s| s.neurons.truncate(1)), Decision::Skip(Skip::NotRegistered(NetUid(2))));
    let no_permit = with(&|s| s.neurons[1].validator_permit = false);
    assert_eq!(no_permit, Decision::Wait(Block(120), Skip::NoPermit(Uid(1))));
    assert_eq!(decided(&subnet(), &OWN, &measured(), &past(5)), Decision::Wait(Block(120), Skip::EpochDone));
    assert_eq!(decided(&subnet(), &OWN, &Board::new(), &past(0)), Decision::Skip(Skip::NothingMeasured));
}

#[test]
fn the_rate_limit_is_waited_for_in_the_same_epoch() {
    let at = |last_update: u64| {
        let mut snapshot = subnet();
        snapshot.weights_rate_limit = 20;
        snapshot.neurons[1].last_update = Block(last_update);
        decided(&snapshot, &OWN, &measured(), &past(4))
    };
    assert!(matches!(at(91), Decision::Submit(_)), "block 111 is the first that may include it");
    assert_eq!(at(92), Decision::Wait(Block(111), Skip::RateLimit(Block(112))));
}

#[test]
fn an_epoch_in_which_the_chain_shows_weights_takes_no_others() {
    let at = |last_update: u64, registered: u64| {
        let mut snapshot = subnet();
        snapshot.weights_rate_limit = 0;
        snapshot.neurons[1].last_update = Block(last_update);
        snapshot.neurons[1].registered = Block(registered);
        decided(&snapshot, &OWN, &measured(), &Past { attempts: None, ..past(4) })
    };
    for own_or_not in [100, 104, 110] {
        assert_eq!(at(own_or_not, 5), Decision::Wait(Block(120), Skip::EpochDone));
    }
    assert!(matches!(at(99, 5), Decision::Submit(_)), "those of the epoch before");
    assert!(matches!(at(104, 104), Decision::Submit(_)), "a registration is no submission");
}

#[test]
fn what_came_to_nothing_is_signed_anew_in_its_epoch_unless_somebody_must_act() {
    let after = |count, last| decided(&subnet(), &OWN, &measured(), &tried(5, count, last));
    let refused = |cause| Submission::Refused(cause, String::new());
    let failed = |cause| Submission::Failed(cause, String::new());
    for last in [
        Submission::Expired,
        refused(Cause::BadProof),
        failed(Cause::UidVecContainInvalidOne),
        failed(Cause::SettingWeightsTooFast),
    ] {
        assert!(matches!(after(1, last.clone()), Decision::Submit(_)), "{last:?}");
        assert_eq!(after(8, last), Decision::Wait(Block(120), Skip::Attempts));
    }
    for last in [refused(Cause::StakeAmountTooLow), failed(Cause::TooManyUnrevealedCommits)] {
        let cause = last.refusal().unwrap().0;
        assert_eq!(after(1, last), Decision::Wait(Block(120), Skip::GivenUp(cause)));
    }
    assert_eq!(after(1, Submission::Foreign(Block(103))), Decision::Wait(Block(120), Skip::EpochDone));
}

#[test]
fn weights_of_this_epoch_are_waited_for_but_not_for_ever() {
    let at = |block: u64, round: u64| {
        let mut snapshot = subnet();
        snapshot.block.number = Block(block);
        decided(&snapshot, &OWN, &measured(), &Past { round: Block(round), ..past(4) })
    };
    assert_eq!(at(101, 95), Decision::Wait(Block(116), Skip::RoundAhead(Block(116))));
    assert_eq!(at(115, 95), Decision::Wait(Block(116), Skip::RoundAhead(Block(116))));
    assert!(matches!(at(116, 95), Decision::Submit(_)));
    assert!(matches!(at(110, 101), Decision::Submit(_)));
    for (block, round) in [(117, 95), (119, 101)] {
        assert_eq!(at(block, round), Decision::Wait(Block(120), Skip::EpochEnds), "they would land in the next epoch");
    }
}

fn refused(cause: Cause) -> ChainError {
    ChainError::Refused { call: "c".into(), name: cause.name().into(), cause }
}

fn expired() -> ChainError {
    ChainError::Expired { call: "c".into(), until: Block(300) }
}

fn taken(complete: bool) -> ChainError {
    ChainError::NonceTaken { call: "c".into(), nonce: 0, until: Block(111), complete }
}

#[test]
fn what_may_still_land_stays_open() {
    let lost = ChainError::Timeout { doing: "d", endpoint: "e".into(), seconds: 1 };
    let open = [lost, refused(Cause::RateLimitExceeded), refused(Cause::PriorityTooLow), refused(Cause::Stale)];
    for error in open {
        assert_eq!(fate(&Err(error.clone())), Submission::Open, "{error}");
    }
    for cause in [Cause::StakeAmountTooLow, Cause::Unknown, Cause::BadProof] {
        assert!(matches!(fate(&Err(refused(cause))), Submission::Refused(found, _) if found == cause));
    }
    assert_eq!(fate(&Err(expired())), Submission::Expired);
    assert_eq!(fate(&Ok(Inclusion { block: Block(7), hash: [0; 32] })), Submission::Landed(Block(7)));
}

#[test]
fn the_state_tells_who_used_a_number() {
    let of = |error: &ChainError, updated: u64| missed(error, Block(110), Block(updated));
    assert_eq!(of(&expired(), 100), Submission::Expired);
    assert_eq!(of(&taken(true), 110), Submission::Expired, "another call of the hotkey");
    assert_eq!(of(&taken(true), 111), Submission::Foreign(Block(111)), "all blocks were searched: not this one");
    assert_eq!(of(&taken(false), 111), Submission::Landed(Block(111)), "in a block that is gone");
}

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    Never,
    /// Signed, and not written down.
    Signing,
    /// Written down, and not sent.
    Sending,
    /// Sent and included, and the answer did not come back.
    Answering,
}

/// A chain that outlives the validator's process.
#[derive(Clone)]
struct Fake {
    state: Arc<Mutex<State>>,
    crashed: Arc<Notify>,
}

struct State {
    crash: Crash,
    snapshot: Snapshot,
    signed: u64,
    /// The number of the hotkey's next extrinsic.
    nonce: u64,
    /// Hash and epoch of every extrinsic that a block holds.
    included: Vec<([u8; 32], u64)>,
    /// What the next submissions are answered, before anything else.
    answers: Vec<ChainError>,
    /// What signing foresees.
    commit: Option<Commit>,
    /// The weights of the validator that count.
    weights: Vec<(Uid, Weight)>,
}

impl Fake {
    fn new(crash: Crash) -> Self {
        let state = State {
            crash,
            snapshot: subnet(),
            signed: 0,
            nonce: 0,
            included: Vec::new(),
            answers: Vec::new(),
            commit: None,
            weights: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), crashed: Arc::new(Notify::new()) }
    }

    async fn die_at(&self, point: Crash) {
        if self.state.lock().crash == point {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

impl WeightsChain for Fake {
    async fn snapshot(&self, _: NetUid) -> Result<Snapshot, ChainError> {
        Ok(self.state.lock().snapshot.clone())
    }

    async fn nonce(&self, _: BlockRef) -> Result<u64, ChainError> {
        Ok(self.state.lock().nonce)
    }

    async fn sign(&self, _: &Snapshot, _: &WeightVector) -> Result<SignedWeights, ChainError> {
        let signed = {
            let mut state = self.state.lock();
            state.signed += 1;
            let (born, number) = (state.snapshot.block.number, state.signed as u8);
            SignedExtrinsic {
                call: "SubtensorModule.set_mechanism_weights".into(),
                bytes: vec![number; 8],
                hash: [number; 32],
                signer: OWN,
                nonce: state.nonce,
                born,
                mortal_until: born.after(128),
            }
        };
        self.die_at(Crash::Signing).await;
        let commit = self.state.lock().commit;
        Ok(SignedWeights { extrinsic: signed, commit })
    }

    async fn weights(&self, _: NetUid, _: Uid) -> Result<Vec<(Uid, Weight)>, ChainError> {
        Ok(self.state.lock().weights.clone())
    }

    async fn submit(&self, signed: &SignedExtrinsic) -> Result<Inclusion, ChainError> {
        self.die_at(Crash::Sending).await;
        let inclusion = {
            let mut state = self.state.lock();
            if !state.answers.is_empty() {
                return Err(state.answers.remove(0));
            }
            let epoch = state.snapshot.epoch_index;
            if !state.included.iter().any(|(hash, _)| *hash == signed.hash) {
                state.included.push((signed.hash, epoch));
                state.nonce += 1;
                state.snapshot.neurons[1].last_update = signed.born.after(1);
            }
            Inclusion { block: signed.born.after(1), hash: [0; 32] }
        };
        self.die_at(Crash::Answering).await;
        Ok(inclusion)
    }
}

fn submitter(chain: &Fake, path: &Path) -> Submitter<Fake> {
    Submitter {
        chain: chain.clone(),
        netuid: NetUid(2),
        genesis: [7; 32],
        own: OWN,
        policy: Arc::new(Policy::dev()),
        store: Store::open(path).unwrap(),
        metrics: Metrics::new(&mut Registry::default()),
        status: Arc::default(),
    }
}

/// A database in which one round has counted.
fn database(path: &Path) {
    round(&Store::open(path).unwrap(), 105);
}

/// A round that has counted.
fn round(store: &Store, block: u64) {
    let block = Block(block);
    let start = RoundStart { block, epoch: 5, window: [0; 32], nonce: [0; 32], policy: [0; 32], started_ms: 0 };
    store.begin_round(&start).unwrap();
    let end = RoundEnd { block, void: None, outcomes: Vec::new(), secret: None, took_ms: 0 };
    store.end_round(&end, &measured()).unwrap();
}

/// What a start of the validator does until it dies or the submission has its outcome.
async fn live(submitter: &Submitter<Fake>) -> Option<Step> {
    let work = async {
        match submitter.store.open_intent().unwrap() {
            Some(intent) => submitter.settle(&intent).await.unwrap(),
            None => submitter.submit().await.unwrap(),
        }
    };
    tokio::select! {
        step = work => Some(step),
        () = submitter.chain.crashed.notified() => None,
    }
}

#[tokio::test]
async fn a_crash_between_any_two_steps_leaves_one_submission() {
    for crash in [Crash::Never, Crash::Signing, Crash::Sending, Crash::Answering] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        database(&path);
        let chain = Fake::new(crash);
        let first = submitter(&chain, &path);
        let died = live(&first).await.is_none();
        assert_eq!(died, crash != Crash::Never, "{crash:?}");
        drop(first);

        chain.state.lock().crash = Crash::Never;
        let second = submitter(&chain, &path);
        for _ in 0..3 {
            live(&second).await;
        }
        assert_eq!(chain.state.lock().included.len(), 1, "{crash:?}: one extrinsic in a block");
        let (_, outcome) = second.store.last_intent().unwrap().unwrap();
        assert_eq!(outcome, Submission::Landed(Block(111)), "{crash:?}");
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_met_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.db");
    database(&path);
    let chain = Fake::new(Crash::Never);
    let lost = ChainError::Timeout { doing: "submitting", endpoint: "e".into(), seconds: 1 };
    chain.state.lock().answers = vec![lost, refused(Cause::RateLimitExceeded)];
    let submitter = submitter(&chain, &path);
    assert_eq!(live(&submitter).await, Some(Step::Open));
    assert!(submitter.status.lock().waiting_for.is_some());
    assert_eq!(live(&submitter).await, Some(Step::Open));
    assert_eq!(live(&submitter).await, Some(Step::Settled(Submission::Landed(Block(111)))));
    assert_eq!(chain.state.lock().signed, 1, "signed once");
    assert_eq!(submitter.status.lock().waiting_for, None);
}

/// The next epoch, with its round.
fn next_epoch(state: &mut State) {
    state.snapshot.epoch_index += 1;
    state.snapshot.block.number = Block(130);
    state.snapshot.last_epoch_block = Block(120);
}

#[tokio::test]
async fn a_refusal_that_needs_somebody_to_act_is_not_tried_again_in_its_epoch_but_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.db");
    database(&path);
    let chain = Fake::new(Crash::Never);
    chain.state.lock().answers = vec![refused(Cause::StakeAmountTooLow)];
    let submitter = submitter(&chain, &path);
    assert!(matches!(live(&submitter).await, Some(Step::Settled(Submission::Refused(Cause::StakeAmountTooLow, _)))));
    assert_eq!(live(&submitter).await, Some(Step::Wait(Block(120))));
    let reason = submitter.status.lock().waiting_for.clone().unwrap();
    assert!(reason.contains("StakeAmountTooLow") && reason.contains("stake more"), "{reason}");
    assert_eq!(chain.state.lock().included, []);
    next_epoch(&mut chain.state.lock());
    round(&submitter.store, 125);
    assert!(matches!(live(&submitter).await, Some(Step::Settled(Submission::Landed(_)))));
}

#[tokio::test]
async fn what_expired_is_signed_anew_in_its_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.db");
    database(&path);
    let chain = Fake::new(Crash::Never);
    chain.state.lock().answers = vec![expired(), refused(Cause::BadProof), taken(true)];
    let submitter = submitter(&chain, &path);
    for _ in 0..3 {
        assert!(matches!(live(&submitter).await, Some(Step::Settled(_))));
    }
    assert_eq!(live(&submitter).await, Some(Step::Settled(Submission::Landed(Block(111)))));
    assert_eq!(live(&submitter).await, Some(Step::Wait(Block(120))));
    let state = chain.state.lock();
    assert_eq!((state.signed, state.included.len()), (4, 1), "each time other bytes, and one of them in a block");
}

#[tokio::test]
async fn who_finds_weights_of_another_process_stops_and_says_so() {
    for race in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        database(&path);
        let chain = Fake::new(Crash::Never);
        let submitter = submitter(&chain, &path);
        if race {
            // Both signed with the same number, and the other one was included.
            chain.state.lock().answers = vec![taken(true)];
            chain.state.lock().snapshot.neurons[1].last_update = Block(99);
            let signing = submitter.submit();
            let landed = async {
                tokio::task::yield_now().await;
                chain.state.lock().snapshot.neurons[1].last_update = Block(111);
            };
            let (step, ()) = tokio::join!(signing, landed);
            assert_eq!(step.unwrap(), Step::Settled(Submission::Foreign(Block(111))));
        } else {
            assert!(matches!(live(&submitter).await, Some(Step::Settled(Submission::Landed(_)))));
            let mut state = chain.state.lock();
            next_epoch(&mut state);
            state.snapshot.neurons[1].last_update = Block(122);
            state.nonce = 5;
        }
        for epoch in 0..3 {
            assert_eq!(live(&submitter).await, Some(Step::Done), "{epoch}");
            next_epoch(&mut chain.state.lock());
        }
        let reason = submitter.status.lock().waiting_for.clone().unwrap();
        assert!(reason.contains("another process") && reason.contains("stop one of the two"), "{reason}");
        assert!(chain.state.lock().included.len() <= 1);
        drop(submitter);
    }
}

#[tokio::test]
async fn weights_of_an_earlier_life_end_the_epoch_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.db");
    database(&path);
    let chain = Fake::new(Crash::Never);
    {
        let mut state = chain.state.lock();
        state.snapshot.neurons[1].last_update = Block(103);
        state.nonce = 9;
    }
    let submitter = submitter(&chain, &path);
    assert_eq!(live(&submitter).await, Some(Step::Wait(Block(120))));
    next_epoch(&mut chain.state.lock());
    round(&submitter.store, 125);
    assert!(matches!(live(&submitter).await, Some(Step::Settled(Submission::Landed(_)))));
}

#[tokio::test]
async fn one_whose_blocks_are_gone_is_known_by_the_state() {
    for (last_update, expected) in [(Block(0), Submission::Expired), (Block(112), Submission::Landed(Block(112)))] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        database(&path);
        let chain = Fake::new(Crash::Sending);
        assert_eq!(live(&submitter(&chain, &path)).await, None);
        {
            let mut state = chain.state.lock();
            state.crash = Crash::Never;
            state.snapshot.neurons[1].last_update = last_update;
            state.answers = vec![taken(false)];
        }
        assert_eq!(live(&submitter(&chain, &path)).await, Some(Step::Settled(expected)));
    }
}

const COMMIT: Commit = Commit { closes: Block(120), reveal_epoch: 6, reveal_block: Block(120), round: 1 };

fn committed(landed: u64) -> crate::store::Committed {
    let weights = WeightVector { uids: vec![Uid(2)], values: vec![Weight(65535)] };
    crate::store::Committed { hash: [0; 32], epoch: 5, landed: Block(landed), commit: COMMIT, weights }
}

#[test]
fn a_commit_is_judged_by_the_weights_that_count_after_its_epoch_began() {
    let at = |epoch_index: u64, landed: u64, weight: u16| {
        let now = Snapshot { epoch_index, ..subnet() };
        judge(&committed(landed), &now, &[(Uid(2), Weight(weight))])
    };
    let block = Block(110);
    assert_eq!(at(5, 111, 65535), Reveal::Awaited, "not yet, whatever counts now");
    assert_eq!(at(6, 111, 65535), Reveal::Revealed(block));
    assert_eq!(at(6, 111, 1), Reveal::Awaited, "the pulse may be late");
    assert_eq!(at(7, 111, 1), Reveal::Missed(block));
    assert_eq!(at(7, 111, 65535), Reveal::Revealed(block), "seen late");
    // Included in the next epoch, it is revealed one later.
    assert_eq!(at(6, 120, 65535), Reveal::Awaited);
    assert_eq!(at(7, 120, 1), Reveal::Awaited);
    assert_eq!(at(8, 120, 1), Reveal::Missed(block));
}

#[tokio::test]
async fn the_fate_of_a_commit_is_written_down_once_also_after_a_restart() {
    for (weights, expected) in
        [(vec![(Uid(2), Weight(65535))], Reveal::Revealed(Block(110))), (Vec::new(), Reveal::Missed(Block(110)))]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.db");
        database(&path);
        let chain = Fake::new(Crash::Never);
        chain.state.lock().commit = Some(COMMIT);
        let first = submitter(&chain, &path);
        assert!(matches!(live(&first).await, Some(Step::Settled(Submission::Landed(_)))));
        chain.state.lock().snapshot.epoch_index = 7;
        assert_eq!(first.watch_reveal(Block(119)).await.unwrap(), Reveal::Awaited, "nobody asks before its block");
        drop(first);

        let second = submitter(&chain, &path);
        chain.state.lock().weights = weights;
        assert_eq!(second.store.last_commit().unwrap().unwrap().1, Reveal::Awaited);
        assert_eq!(second.watch_reveal(Block(140)).await.unwrap(), expected);
        assert_eq!(second.store.last_commit().unwrap().unwrap().1, expected);
        assert_eq!(second.store.awaited_commit().unwrap(), None);
        assert_eq!(second.watch_reveal(Block(141)).await.unwrap(), Reveal::Awaited, "nothing is left to be judged");
    }
}

#[tokio::test]
async fn a_plain_submission_has_no_reveal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.db");
    database(&path);
    let chain = Fake::new(Crash::Never);
    let submitter = submitter(&chain, &path);
    assert!(matches!(live(&submitter).await, Some(Step::Settled(Submission::Landed(_)))));
    assert_eq!(submitter.store.last_commit().unwrap(), None);
}
