//! Worker processes: the real binary, killed, stopped and replaced by programs that talk nonsense, while chains go on.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid};
use miner::config::ComputeConfig;
use miner::device::DeviceName;
use miner::device::ending::{Cause, Event};
use miner::device::fleet::Fleet;
use miner::device::launch::Launch;
use miner::device::link::Link;
use miner::device::message::Order;
use miner::device::metrics::DeviceMetrics;
use miner::device::plan::Plan;
use miner::device::remote::RemoteWork;
use miner::device::supervisor::Supervisor;
use miner::work::{Work, Worker};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proof::{Challenge, Commitment, Digest, Opening, ScalarKernel, Solver, Weights};

const DEVICE: DeviceName = DeviceName::CpuProcess(0);
const HOTKEY: Hotkey = Hotkey([4; 32]);
/// Far longer than anything here takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

fn launch() -> Launch {
    let pause = Duration::from_millis(10);
    Launch { pause, ..Launch::of(PathBuf::from(env!("CARGO_BIN_EXE_miner"))) }
}

/// A worker that is this shell script.
fn script(text: &str) -> Launch {
    Launch {
        program: "/bin/sh".into(),
        // What comes behind is the name of the script and its arguments.
        arguments: vec!["-c".to_owned(), text.to_owned()],
        ..launch()
    }
}

fn weights() -> Arc<Weights> {
    let compute = ComputePolicy { width: 128, ..Policy::dev().compute };
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
    Arc::new(Weights::resident(&challenge).unwrap())
}

/// The roots that the chain must have.
fn expected(weights: &Arc<Weights>, chain: u16, rounds: usize) -> Vec<Digest> {
    let mut solver = Solver::new(Arc::clone(weights), &HOTKEY, chain);
    (0..rounds).map(|_| solver.next_round(&ScalarKernel).unwrap().root).collect()
}

fn take(worker: &mut dyn Worker, rounds: usize) -> Vec<Digest> {
    (0..rounds).map_while(|_| worker.next_round()).collect()
}

struct Remote {
    supervisor: Arc<Supervisor>,
    metrics: DeviceMetrics,
    weights: Arc<Weights>,
}

impl Remote {
    fn start(launch: Launch) -> Self {
        let metrics = DeviceMetrics::default();
        let supervisor = Arc::new(Supervisor::start(DEVICE, launch, metrics.clone()).unwrap());
        Self { supervisor, metrics, weights: weights() }
    }

    fn chain(&self) -> Box<dyn Worker> {
        RemoteWork::new(Arc::clone(&self.supervisor)).start(Arc::clone(&self.weights), &HOTKEY, 0)
    }

    fn living(&self) -> Arc<Link> {
        self.supervisor.worker(PATIENCE).expect("the worker opens the device")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.living().pid()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

#[test]
fn a_worker_that_is_killed_is_replaced_and_its_chain_goes_on_and_opens() {
    let remote = Remote::start(launch());
    let mut chain = remote.chain();
    let mut roots = take(chain.as_mut(), 3);
    for restarts in 1..=2 {
        remote.signal(Signal::SIGKILL);
        roots.extend(take(chain.as_mut(), 3));
        assert_eq!(remote.metrics.restarts(DEVICE), restarts);
    }
    assert_eq!(roots, expected(&remote.weights, 0, 9));

    // The second worker has never computed most of these rounds.
    let challenge = remote.weights.challenge();
    let commitment = Commitment { hotkey: HOTKEY, chains: vec![roots] };
    let samples = proof::sample(&[5; 32], challenge, &commitment);
    let opening = Opening { rows: chain.open(&samples).unwrap() };
    assert_eq!(proof::verify(&remote.weights, &ScalarKernel, &commitment, &samples, &opening), Ok(()));
}

#[test]
fn a_chain_that_outlives_too_many_workers_ends_and_the_next_one_works() {
    let remote = Remote::start(launch());
    let mut chain = remote.chain();
    for _ in 0..3 {
        assert_eq!(take(chain.as_mut(), 1).len(), 1);
        remote.signal(Signal::SIGKILL);
    }
    assert_eq!(chain.next_round(), None);
    assert_eq!(take(remote.chain().as_mut(), 2), expected(&remote.weights, 0, 2));
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let remote = Remote::start(Launch { heartbeat: Duration::from_secs(1), ..launch() });
    let mut chain = remote.chain();
    let mut roots = take(chain.as_mut(), 2);
    remote.signal(Signal::SIGSTOP);
    roots.extend(take(chain.as_mut(), 2));
    assert_eq!(roots, expected(&remote.weights, 0, 4));
    assert_eq!(remote.metrics.restarts(DEVICE), 1);
}

/// Why a worker's first life ends, when a chain is begun as soon as the device is open.
fn first_end(launch: &Launch) -> Cause {
    let (link, events) = Link::start(DEVICE, launch).unwrap();
    let challenge = weights().challenge().clone();
    let begin =
        |session| Order::Begin { session, hotkey: HOTKEY, chain: 0, challenge: challenge.clone(), roots: Vec::new() };
    let mut session = None;
    loop {
        match events.recv_timeout(PATIENCE).expect("the life ends") {
            Event::Ready(_) => {
                session = link.begin(begin);
                let _none = session.as_ref().and_then(|session| session.ask(Order::Round));
            }
            Event::Ended(cause) => {
                drop(session);
                link.reap();
                return cause;
            }
        }
    }
}

#[test]
fn a_worker_that_writes_garbage_is_ended_by_name() {
    let garbage = |text: &str| match first_end(&script(text)) {
        Cause::Garbage(text) => text,
        other => panic!("{other:?}"),
    };
    assert!(garbage("echo hello, miner; exec cat").contains("was announced"));
    assert!(garbage("printf '\\002\\000\\000\\000\\377\\377'; exec cat").contains("is no message"));
    // A pong before the greeting; variant 3.
    assert!(garbage("printf '\\001\\000\\000\\000\\003'; exec cat").contains("greets"));
}

#[test]
fn a_worker_that_fails_ends_or_cannot_be_started_says_why() {
    // A fault with the text "lost"; variant 4, then the compact length.
    let fault = first_end(&script("printf '\\006\\000\\000\\000\\004\\020lost'; exec cat"));
    assert_eq!(fault, Cause::Fault("lost".to_owned()));
    assert_eq!(first_end(&script("exit 3")), Cause::Gone);
    // The real program, asked for a device that this build or this machine does not have.
    let (_link, events) = Link::start(DeviceName::Cuda(65535), &launch()).unwrap();
    match events.recv_timeout(PATIENCE).unwrap() {
        Event::Ended(Cause::Fault(text)) => assert!(text.contains("cuda:65535"), "{text}"),
        other => panic!("{other:?}"),
    }
    let missing = Launch { program: "/nowhere/miner".into(), ..launch() };
    assert!(Link::start(DEVICE, &missing).is_err());
}

#[test]
fn a_worker_sees_nothing_of_the_environment_but_what_devices_need() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the test runner sets it");
    let said = |condition: &str| {
        let fault = |text: &str| format!("printf '\\006\\000\\000\\000\\004\\020{text}'");
        first_end(&script(&format!("if [ {condition} ]; then {}; else {}; fi; exec cat", fault("seen"), fault("none"))))
    };
    assert_eq!(said("-n \"$CARGO_MANIFEST_DIR\""), Cause::Fault("none".to_owned()));
    assert_eq!(said("-n \"$PATH\""), Cause::Fault("seen".to_owned()));
}

#[test]
fn a_worker_that_does_not_answer_in_time_is_ended() {
    let answer = Duration::from_millis(200);
    // The greeting of this very version, and nothing after it. Heartbeats are the supervisor's, who is not here.
    let version = miner::device::message::VERSION;
    let greeting = format!(
        "printf '\\{:03o}\\000\\000\\000\\000\\{:03o}{version}\\000'; cat >/dev/null",
        version.len() + 3,
        version.len() * 4,
    );
    assert_eq!(first_end(&Launch { answer, ..script(&greeting) }), Cause::Late);
    let old = greeting.replace(version, &"9".repeat(version.len()));
    assert!(matches!(first_end(&script(&old)), Cause::OtherVersion(_)));
}

#[test]
fn one_window_is_spread_over_two_devices_and_both_work_at_the_same_time() {
    let compute = ComputeConfig {
        devices: ["cpu-process:0", "cpu-process:1"].map(|name| name.parse().unwrap()).to_vec(),
        threads: 1,
        chains_per_device: 2,
    };
    let plan = Plan::new(&compute, &Policy::dev(), || Ok(Vec::new())).unwrap();
    let fleet = Fleet::start(&plan, &launch()).unwrap();
    assert_eq!(fleet.chains(), Some(4));
    let weights = weights();
    // Every chain waits for all others before its second round: if one device worked after the other, none would go on.
    let meeting = std::sync::Barrier::new(4);
    let roots: Vec<Vec<Digest>> = std::thread::scope(|scope| {
        let chain = |chain| {
            let (fleet, weights, meeting) = (&fleet, Arc::clone(&weights), &meeting);
            scope.spawn(move || {
                let mut worker = fleet.start(weights, &HOTKEY, chain);
                let mut roots = take(worker.as_mut(), 1);
                meeting.wait();
                roots.extend(take(worker.as_mut(), 2));
                roots
            })
        };
        let chains: Vec<_> = (0..4).map(chain).collect();
        chains.into_iter().map(|chain| chain.join().unwrap()).collect()
    });
    for (chain, roots) in (0..).zip(roots) {
        assert_eq!(roots, expected(&weights, chain, 3), "chain {chain}");
    }
    let mut registry = prometheus_client::registry::Registry::default();
    fleet.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for device in ["cpu-process:0", "cpu-process:1"] {
        for line in ["up{device=\"D\"} 1", "restarts_total{device=\"D\"} 0", "rounds_total{device=\"D\"} 6"] {
            let line = format!("assay_miner_device_{}", line.replace('D', device));
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        let rate = format!("assay_miner_device_rate{{device=\"{device}\"}} ");
        let rate: f64 = text.lines().find_map(|line| line.strip_prefix(&rate)?.parse().ok()).unwrap();
        assert!(rate > 0.0, "{text}");
    }
    assert_eq!(fleet.start(weights, &HOTKEY, 4).next_round(), None, "a chain of no device");
}

#[test]
fn a_worker_ends_with_its_miner() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_miner"))
        .args(["device-worker", "--device", "cpu-process:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(since.elapsed() < PATIENCE, "it outlives its miner");
        std::thread::yield_now();
    };
    assert!(status.success());
}
