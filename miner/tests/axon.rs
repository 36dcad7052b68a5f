//! The axon over HTTP, with a view of the chain that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use miner::http::{Axon, router};
use miner::metrics::Metrics;
use miner::serve::{Door, serve};
use miner::view::View;
use miner::work::{HonestWork, Work, Worker};
use neuron_common::auth::{self, Verifier};
use neuron_common::chain::{BlockRef, Neuron, Snapshot};
use neuron_common::keystore::{self, Keypair};
use neuron_common::problem::{MEDIA_TYPE, Problem};
use neuron_common::window::OpenWindow;
use neuron_common::wire::{self, OpenRequest, OpenResponse, RootFrame, WindowRequest};
use parity_scale_codec::Encode as _;
use parking_lot::Mutex;
use proof::{Challenge, Commitment, Opening, ScalarKernel, Shape, Weights};
use reqwest::{Client, Response};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

const NETUID: NetUid = NetUid(3);
const GENESIS: [u8; 32] = [9; 32];
const NONCE: [u8; 32] = [7; 32];
const SECRET: [u8; 32] = [5; 32];
const BLOCK: Block = Block(100);

/// A miner on loopback with two validators that hold a permit.
struct Bench {
    axon: Arc<Axon>,
    view: watch::Sender<View>,
    url: String,
    http: Client,
    alice: Keypair,
    bob: Keypair,
    started: Arc<AtomicUsize>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

/// Honest work that counts its chains, or panics.
struct Counted {
    honest: HonestWork,
    started: Arc<AtomicUsize>,
    panics: bool,
}

struct Panicking;

impl Work for Counted {
    fn start(&self, weights: Arc<Weights>, hotkey: &Hotkey, chain: u16) -> Box<dyn Worker> {
        self.started.fetch_add(1, Ordering::SeqCst);
        if self.panics { Box::new(Panicking) } else { self.honest.start(weights, hotkey, chain) }
    }
}

impl Worker for Panicking {
    fn next_round(&mut self) -> Option<proof::Digest> {
        panic!("a solver that breaks")
    }

    fn open(&mut self, _: &[proof::Sample]) -> Option<Vec<proof::OpenedRow>> {
        None
    }
}

fn policy(duration_ms: u32) -> Policy {
    let mut policy = Policy::dev();
    policy.window.duration_ms = duration_ms;
    policy.window.allowance_ms = 0;
    policy
}

fn neuron(uid: u16, key: &Keypair, validator_permit: bool) -> Neuron {
    Neuron {
        uid: Uid(uid),
        hotkey: key.hotkey(),
        coldkey: key.hotkey(),
        registered: Block(1),
        axon: None,
        validator_permit,
        active: true,
        last_update: Block(0),
        incentive: 0,
        dividends: 0,
        emission: Rao(0),
        stake: Rao(0),
    }
}

fn window_at(block: Block, nonce: [u8; 32]) -> OpenWindow {
    let epoch_start = Block(90);
    OpenWindow { block: BlockRef { number: block, hash: nonce }, nonce, epoch_start, epoch_index: 1, noticed: block }
}

impl Bench {
    async fn start(policy: Policy, panics: bool, slots: usize) -> Self {
        let key = |uri| Keypair::from_uri(uri).unwrap();
        let (miner, alice, bob) = (key("//Miner"), key("//Alice"), key("//Bob"));
        let snapshot = Snapshot {
            block: BlockRef { number: BLOCK, hash: NONCE },
            netuid: NETUID,
            tempo: 20,
            last_epoch_block: Block(90),
            epoch_index: 1,
            weights_rate_limit: 0,
            weights_version_key: 0,
            commit_reveal: false,
            owner_uid: None,
            neurons: vec![
                neuron(0, &alice, true),
                neuron(1, &bob, true),
                neuron(2, &key("//Charlie"), false),
                neuron(3, &miner, false),
            ],
        };
        let (view, receiver) =
            watch::channel(View { snapshot: Arc::new(snapshot), window: Some(window_at(BLOCK, NONCE)) });
        let started = Arc::new(AtomicUsize::new(0));
        let work = Counted { honest: HonestWork::default(), started: Arc::clone(&started), panics };
        let axon = Arc::new(Axon {
            verifier: Verifier::new(miner.hotkey()),
            key: Arc::new(miner),
            genesis: GENESIS,
            netuid: NETUID,
            policy_digest: proof::policy_digest(&policy),
            policy,
            chains: 2,
            work: Arc::new(work),
            view: receiver,
            runs: Mutex::default(),
            slots: Arc::new(Semaphore::new(slots)),
            metrics: Metrics::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, http) = (CancellationToken::new(), Client::builder().no_proxy().build().unwrap());
        let routes = router(Arc::clone(&axon));
        let serving = tokio::spawn(serve(listener, routes, Door::new(64), Metrics::default(), stop.clone()));
        Self { axon, view, url, http, alice, bob, started, stop, serving }
    }

    fn miner(&self) -> Hotkey {
        self.axon.key.hotkey()
    }

    fn challenge(&self) -> Challenge {
        let compute = self.axon.policy.compute.clone();
        Challenge { genesis: GENESIS, netuid: NETUID, block: BLOCK, nonce: NONCE, compute }
    }

    fn request(&self, secret: [u8; 32]) -> WindowRequest {
        WindowRequest {
            version: wire::VERSION,
            netuid: NETUID,
            block: BLOCK,
            nonce: NONCE,
            policy: self.axon.policy_digest,
            secret_commitment: proof::secret_commitment(&secret),
        }
    }

    fn opening(&self, secret: [u8; 32], counted: Vec<u32>) -> Vec<u8> {
        OpenRequest { version: wire::VERSION, window: self.challenge().id(), secret, counted }.encode()
    }

    async fn post(&self, key: &Keypair, path: &str, body: Vec<u8>) -> Response {
        let headers = auth::sign(key, "POST", path, &body, &self.miner(), SystemTime::now());
        self.send(path, headers, body).await
    }

    async fn send(&self, path: &str, headers: axum::http::HeaderMap, body: Vec<u8>) -> Response {
        self.http.post(format!("{}{path}", self.url)).headers(headers).body(body).send().await.unwrap()
    }

    /// Nothing was begun.
    fn untouched(&self) -> bool {
        self.axon.runs.lock().is_empty() && self.started.load(Ordering::SeqCst) == 0
    }
}

/// Status and code of a refusal, which must be a problem document that echoes nothing.
async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], MEDIA_TYPE, "{status}");
    let text = response.text().await.unwrap();
    assert!(!text.contains("0x"), "{text}");
    let problem: Problem = serde_json::from_str(&text).unwrap();
    assert_eq!(problem.status, status);
    (status, problem.code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// At least `rounds` frames of a stream, fewer only if it ends.
async fn frames(response: &mut Response, rounds: usize) -> Vec<RootFrame> {
    let mut bytes = Vec::new();
    while bytes.len() < rounds * RootFrame::LEN {
        let Some(chunk) = response.chunk().await.unwrap() else { break };
        bytes.extend_from_slice(&chunk);
    }
    bytes.chunks_exact(RootFrame::LEN).map(|frame| RootFrame::parse(frame).unwrap()).collect()
}

/// The rounds of both chains that the frames hold.
fn commitment(hotkey: Hotkey, frames: &[RootFrame]) -> Commitment {
    let mut chains = vec![Vec::new(); 2];
    for frame in frames {
        chains[usize::from(frame.chain)].push(frame.root);
        assert_eq!(frame.round as usize, chains[usize::from(frame.chain)].len());
    }
    Commitment { hotkey, chains }
}

fn counted(commitment: &Commitment) -> Vec<u32> {
    commitment.chains.iter().map(|roots| u32::try_from(roots.len()).unwrap()).collect()
}

#[tokio::test]
async fn requests_that_are_not_believed_change_nothing() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let (path, now, body) = (wire::WINDOW_PATH, SystemTime::now(), bench.request(SECRET).encode());
    let sign = |receiver: &Hotkey, at| auth::sign(&bench.alice, "POST", path, &body, receiver, at);
    let unsigned = axum::http::HeaderMap::new();
    let sent = async |headers, body: &Vec<u8>| refusal(bench.send(path, headers, body.clone()).await).await;
    assert_eq!(sent(unsigned, &body).await, is(401, "malformed_auth"));
    assert_eq!(sent(sign(&bench.alice.hotkey(), now), &body).await, is(421, "wrong_receiver"));
    let (old, early) = (now - Duration::from_secs(11), now + Duration::from_secs(60));
    assert_eq!(sent(sign(&bench.miner(), old), &body).await, is(401, "stale_request"));
    assert_eq!(sent(sign(&bench.miner(), early), &body).await, is(401, "stale_request"));
    let altered = bench.request([6; 32]).encode();
    assert_eq!(sent(sign(&bench.miner(), now), &altered).await, is(401, "bad_signature"));
    let elsewhere = auth::sign(&bench.alice, "POST", wire::OPEN_PATH, &body, &bench.miner(), now);
    assert_eq!(sent(elsewhere, &body).await, is(401, "bad_signature"));
    assert_eq!(sent(sign(&bench.miner(), now), &vec![0; 4096]).await, is(413, "too_large"));
    assert!(bench.untouched());
}

#[tokio::test]
async fn requests_that_are_not_admitted_change_nothing() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let post =
        async |key, request: WindowRequest| refusal(bench.post(key, wire::WINDOW_PATH, request.encode()).await).await;
    let good = || bench.request(SECRET);
    let (charlie, stranger) = (Keypair::from_uri("//Charlie").unwrap(), Keypair::generate().unwrap());
    assert_eq!(post(&charlie, good()).await, is(403, "no_permit"));
    assert_eq!(post(&stranger, good()).await, is(403, "no_permit"));
    assert_eq!(post(&bench.alice, WindowRequest { version: 2, ..good() }).await, is(426, "unsupported_version"));
    assert_eq!(post(&bench.alice, WindowRequest { netuid: NetUid(4), ..good() }).await, is(409, "other_subnet"));
    assert_eq!(post(&bench.alice, WindowRequest { policy: [0; 32], ..good() }).await, is(409, "other_policy"));
    assert_eq!(post(&bench.alice, WindowRequest { nonce: [0; 32], ..good() }).await, is(409, "no_such_window"));
    assert_eq!(post(&bench.alice, WindowRequest { block: Block(99), ..good() }).await, is(409, "no_such_window"));
    for body in [Vec::new(), vec![1], vec![1, 0], [good().encode(), vec![0]].concat(), vec![255; 1024]] {
        let expected = if body.len() == 1024 { is(426, "unsupported_version") } else { is(400, "malformed") };
        assert_eq!(refusal(bench.post(&bench.alice, wire::WINDOW_PATH, body).await).await, expected);
    }
    assert!(bench.untouched());
}

#[tokio::test]
async fn other_paths_and_methods_are_problems_too_and_health_is_public() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let get = async |path: &str| bench.http.get(format!("{}{path}", bench.url)).send().await.unwrap();
    assert_eq!(refusal(get("/").await).await, is(404, "not_found"));
    assert_eq!(refusal(get(wire::WINDOW_PATH).await).await, is(405, "method_not_allowed"));
    assert_eq!(get(wire::HEALTH_PATH).await.status(), 200);
}

#[tokio::test]
async fn a_request_is_accepted_once() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let body = bench.opening(SECRET, vec![1]);
    let headers = auth::sign(&bench.alice, "POST", wire::OPEN_PATH, &body, &bench.miner(), SystemTime::now());
    let first = bench.send(wire::OPEN_PATH, headers.clone(), body.clone()).await;
    assert_eq!(refusal(first).await, is(404, "unknown_window"));
    assert_eq!(refusal(bench.send(wire::OPEN_PATH, headers, body).await).await, is(401, "replayed_request"));
}

#[tokio::test]
async fn beyond_the_bound_requests_are_told_to_come_later() {
    let bench = Bench::start(policy(60_000), false, 0).await;
    let body = bench.request(SECRET).encode();
    assert_eq!(refusal(bench.post(&bench.alice, wire::WINDOW_PATH, body).await).await, is(429, "busy"));
    assert!(bench.untouched());
}

#[tokio::test]
async fn one_run_serves_two_validators_and_opens_once_for_each() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let mut alices = bench.post(&bench.alice, wire::WINDOW_PATH, bench.request(SECRET).encode()).await;
    let early = frames(&mut alices, 4).await;
    let mut bobs = bench.post(&bench.bob, wire::WINDOW_PATH, bench.request([6; 32]).encode()).await;
    let late = frames(&mut bobs, early.len()).await;
    assert_eq!(early, late[..early.len()], "the same frames from the start");
    assert_eq!(bench.started.load(Ordering::SeqCst), 2, "one run of two chains");

    // The opening comes while the work goes on.
    let commitment = commitment(bench.miner(), &early);
    let counted = counted(&commitment);
    let open = async |key, secret, counted: &[u32]| {
        bench.post(key, wire::OPEN_PATH, bench.opening(secret, counted.to_vec())).await
    };
    let charlie = Keypair::from_uri("//Charlie").unwrap();
    assert_eq!(refusal(open(&charlie, SECRET, &counted).await).await, is(403, "wrong_secret"));
    assert_eq!(refusal(open(&bench.bob, SECRET, &counted).await).await, is(403, "wrong_secret"));
    for wrong in [vec![4097, 0], vec![0, 4097], vec![1, 1, 1]] {
        assert_eq!(refusal(open(&bench.alice, SECRET, &wrong).await).await, is(409, "miscounted"), "{wrong:?}");
    }
    for (key, secret) in [(&bench.alice, SECRET), (&bench.bob, [6; 32])] {
        let answer = open(key, secret, &counted).await;
        assert_eq!(answer.status(), 200);
        check_opening(&bench, secret, &commitment, &answer.bytes().await.unwrap());
        assert_eq!(refusal(open(key, secret, &counted).await).await, is(409, "opened_already"));
    }
}

fn check_opening(bench: &Bench, secret: [u8; 32], commitment: &Commitment, bytes: &[u8]) {
    let challenge = bench.challenge();
    let limit = Opening::encoded_len(&Shape::new(&challenge.compute).unwrap());
    let OpenResponse { opening, signature } = wire::decode_opening(bytes, limit).unwrap();
    let samples = proof::sample(&secret, &challenge, commitment);
    let digest = proof::opening_digest(&challenge.id(), &bench.miner(), &samples, &opening);
    assert!(keystore::verify(&bench.miner(), &digest, &signature));
    let weights = Weights::resident(&challenge).unwrap();
    assert_eq!(proof::verify(&weights, &ScalarKernel, commitment, &samples, &opening), Ok(()));
}

#[tokio::test]
async fn every_head_is_signed_and_the_stream_ends_with_the_window() {
    let bench = Bench::start(policy(200), false, 64).await;
    let mut answer = bench.post(&bench.alice, wire::WINDOW_PATH, bench.request(SECRET).encode()).await;
    let frames = frames(&mut answer, usize::MAX / 1024).await;
    let commitment = commitment(bench.miner(), &frames);
    let chains = commitment.replay(&bench.challenge());
    for frame in &frames {
        let head = chains[usize::from(frame.chain)].head_after(frame.round).unwrap();
        let id = bench.challenge().id();
        let digest = proof::head_digest(&id, &bench.miner(), frame.chain, frame.round, head);
        assert!(keystore::verify(&bench.miner(), &digest, &frame.signature));
    }
    assert!(!frames.is_empty());
    let opening = bench.opening(SECRET, counted(&commitment));
    let answer = bench.post(&bench.alice, wire::OPEN_PATH, opening).await.bytes().await.unwrap();
    check_opening(&bench, SECRET, &commitment, &answer);
}

#[tokio::test]
async fn a_tempo_has_one_window_and_old_windows_are_dropped() {
    let bench = Bench::start(policy(100), false, 64).await;
    let ask = async |block: u64, nonce: [u8; 32]| {
        bench.view.send_modify(|view| view.window = Some(window_at(Block(block), nonce)));
        let request = WindowRequest { block: Block(block), nonce, ..bench.request(SECRET) };
        bench.post(&bench.alice, wire::WINDOW_PATH, request.encode()).await
    };
    for block in [100, 120, 140] {
        assert_eq!(ask(block, NONCE).await.status(), 200);
    }
    assert_eq!(refusal(ask(140, [8; 32]).await).await, is(429, "second_window"));
    let kept: Vec<u64> = bench.axon.runs.lock().iter().map(|run| run.challenge().block.get()).collect();
    assert_eq!(kept, [120, 140]);
    let dropped = bench.opening(SECRET, vec![1]);
    assert_eq!(refusal(bench.post(&bench.alice, wire::OPEN_PATH, dropped).await).await, is(404, "unknown_window"));
}

#[tokio::test]
async fn a_broken_solver_ends_its_stream() {
    let bench = Bench::start(policy(60_000), true, 64).await;
    let mut answer = bench.post(&bench.alice, wire::WINDOW_PATH, bench.request(SECRET).encode()).await;
    assert_eq!(frames(&mut answer, 1).await, []);
}

#[tokio::test]
async fn stopping_ends_within_the_grace_and_idle_at_once() {
    let bench = Bench::start(policy(60_000), false, 64).await;
    let mut answer = bench.post(&bench.alice, wire::WINDOW_PATH, bench.request(SECRET).encode()).await;
    assert!(!frames(&mut answer, 1).await.is_empty());
    drop(answer);
    bench.stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), bench.serving).await.expect("the axon stops").unwrap();
}
