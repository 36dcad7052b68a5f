use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream;
use incentive::policy::{ComputePolicy, Policy};
use incentive::units::{Block, NetUid, Uid};
use incentive::verdict::Fault;
use neuron_common::keystore::Keypair;
use neuron_common::wire::{self, OpenRequest, OpenResponse, RootFrame, WindowRequest};
use parity_scale_codec::Encode as _;
use proof::{Challenge, Opening, ScalarKernel, Solver, Weights};

use super::*;

const ROUNDS: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Connects and never answers.
    Silent,
    /// Answers, and never sends a root.
    Rootless,
    /// Breaks off inside a frame after its roots.
    ClosesEarly,
    /// Breaks off before the first root.
    ClosesAtOnce,
    Garbage,
    /// Frames of one chain without end.
    Floods,
    WrongSignature,
    Status(u16),
    /// Commits and then refuses.
    RefusesToOpen,
    /// An opening that never ends.
    EndlessOpening,
    /// A signed opening with one wrong value.
    WrongRow,
    /// An opening that somebody else signed.
    ForgedOpening,
}

struct Stub {
    key: Keypair,
    manner: Manner,
}

fn policy() -> Policy {
    let mut policy = Policy::dev();
    policy.window.duration_ms = 700;
    policy.window.allowance_ms = 10;
    policy.window.opening_deadline_ms = 700;
    policy.compute = ComputePolicy { width: 16, layers: 2, rows: 4, openings: 4, chains_max: 2, rounds_max: 64 };
    policy
}

fn challenge() -> Challenge {
    let compute = policy().compute;
    Challenge { genesis: [1; 32], netuid: NetUid(2), block: Block(3), nonce: [4; 32], compute }
}

/// Frames of chain 0, signed as an honest miner signs, and the solver behind them.
fn solve(key: &Keypair) -> (Solver, Vec<RootFrame>) {
    let challenge = challenge();
    let weights = Arc::new(Weights::resident(&challenge).unwrap());
    let mut solver = Solver::new(weights, &key.hotkey(), 0);
    let frames = (0..ROUNDS)
        .map(|_| {
            let round = solver.next_round(&ScalarKernel).unwrap();
            let digest = proof::head_digest(&challenge.id(), &key.hotkey(), 0, round.round, &round.head);
            RootFrame { chain: 0, round: round.round, root: round.root, signature: key.sign(&digest) }
        })
        .collect();
    (solver, frames)
}

/// These bytes, then nothing more until the connection is closed from the other side.
fn endless(bytes: Vec<u8>) -> Response {
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from(bytes))]);
    Body::from_stream(futures_util::StreamExt::chain(first, stream::pending())).into_response()
}

/// These bytes, then a broken connection.
fn broken(bytes: Vec<u8>) -> Response {
    let cut = std::io::Error::other("cut");
    let chunks: Vec<Result<Bytes, std::io::Error>> = match bytes.is_empty() {
        true => vec![Err(cut)],
        false => vec![Ok(Bytes::from(bytes)), Err(cut)],
    };
    // A pause between the two, or the server would drop the first with the second.
    let paced = futures_util::StreamExt::then(stream::iter(chunks), |chunk| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        chunk
    });
    Body::from_stream(paced).into_response()
}

async fn window(State(stub): State<Arc<Stub>>, body: Bytes) -> Response {
    wire::decode::<WindowRequest>(&body).unwrap();
    let (_, frames) = solve(&stub.key);
    let mut bytes = frames.iter().flat_map(RootFrame::encode).collect::<Vec<u8>>();
    match stub.manner {
        Manner::Silent => std::future::pending().await,
        Manner::Rootless => endless(Vec::new()),
        Manner::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Manner::ClosesEarly => {
            bytes.extend([0; 50]);
            broken(bytes)
        }
        Manner::ClosesAtOnce => broken(Vec::new()),
        Manner::Garbage => endless(vec![0xff; 4096]),
        Manner::Floods => {
            let frame = |round| RootFrame { chain: 1, round, root: [0; 32], signature: [0; 64] }.encode();
            Body::from_stream(stream::iter(
                (1..).map(move |round| Ok::<_, Infallible>(Bytes::from(frame(round).to_vec()))),
            ))
            .into_response()
        }
        Manner::WrongSignature => {
            bytes[3 * RootFrame::LEN - 1] ^= 1;
            endless(bytes)
        }
        Manner::Honest | Manner::RefusesToOpen | Manner::EndlessOpening | Manner::WrongRow | Manner::ForgedOpening => {
            endless(bytes)
        }
    }
}

async fn open(State(stub): State<Arc<Stub>>, body: Bytes) -> Response {
    let request: OpenRequest = wire::decode(&body).unwrap();
    let (solver, frames) = solve(&stub.key);
    let counted = frames.iter().map(|frame| frame.root).take(request.counted[0] as usize).collect();
    let commitment = Commitment { hotkey: stub.key.hotkey(), chains: vec![counted] };
    let samples = proof::sample(&request.secret, &challenge(), &commitment);
    let mut opening = Opening { rows: solver.open(&ScalarKernel, &samples).unwrap() };
    let mut signer = stub.key.clone();
    match stub.manner {
        Manner::RefusesToOpen => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Manner::EndlessOpening => {
            return Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 1024]))))
                .into_response();
        }
        Manner::WrongRow => opening.rows[0].packed[0] ^= 1,
        Manner::ForgedOpening => signer = Keypair::generate().unwrap(),
        _ => {}
    }
    let digest = proof::opening_digest(&request.window, &stub.key.hotkey(), &samples, &opening);
    OpenResponse { signature: signer.sign(&digest), opening }.encode().into_response()
}

async fn serve(manner: Manner) -> Target {
    let key = Keypair::generate().unwrap();
    let hotkey = key.hotkey();
    let router = Router::new()
        .route(wire::WINDOW_PATH, post(window))
        .route(wire::OPEN_PATH, post(open))
        .route(wire::HEALTH_PATH, get(|| async { "ok" }))
        .with_state(Arc::new(Stub { key, manner }));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Target { uid: Uid(0), hotkey, address }
}

/// A whole window with all of them at once; the faults, and how long collecting took.
async fn hold(targets: &[Target]) -> (Vec<Result<u64, Fault>>, Duration) {
    let (challenge, policy, secret) = (challenge(), policy(), [5; 32]);
    let dispatch = Dispatch::new(Arc::new(Keypair::generate().unwrap())).unwrap();
    dispatch.connect(targets).await;
    let start = std::time::Instant::now();
    let (collected, _) = dispatch.window(targets, &challenge, &policy, &secret).await;
    let took = start.elapsed();
    let answers = openings(&dispatch, &collected, &challenge, &policy, &secret).await;
    let weights = Weights::resident(&challenge).unwrap();
    let verified = verify(&weights, &ScalarKernel, &collected, &answers);
    let found = collected.iter().zip(verified).map(|(one, verified)| verified.map(|()| one.rounds())).collect();
    (found, took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_manner_has_its_verdict_and_none_holds_up_the_others() {
    let expected = [
        (Manner::Honest, Ok(ROUNDS.into())),
        (Manner::Silent, Err(Fault::NoRoot)),
        (Manner::Rootless, Err(Fault::NoRoot)),
        (Manner::ClosesEarly, Ok(ROUNDS.into())),
        (Manner::ClosesAtOnce, Err(Fault::Unreachable)),
        (Manner::Garbage, Err(Fault::Malformed)),
        (Manner::Floods, Err(Fault::Malformed)),
        (Manner::WrongSignature, Err(Fault::BadSignature)),
        (Manner::Status(426), Err(Fault::UnsupportedVersion)),
        (Manner::Status(409), Err(Fault::WindowRefused)),
        (Manner::Status(500), Err(Fault::WindowRefused)),
        (Manner::Status(302), Err(Fault::WindowRefused)),
        (Manner::RefusesToOpen, Err(Fault::OpeningRefused)),
        (Manner::EndlessOpening, Err(Fault::OpeningRefused)),
        (Manner::WrongRow, Err(Fault::WrongPath)),
        (Manner::ForgedOpening, Err(Fault::BadSignature)),
    ];
    let mut targets = Vec::new();
    for (manner, _) in expected {
        targets.push(serve(manner).await);
    }
    let (found, took) = hold(&targets).await;
    for ((manner, expected), found) in expected.iter().zip(found) {
        assert_eq!(found, *expected, "{manner:?}");
    }
    assert!(took < Duration::from_secs(5), "the window closes on time: {took:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = Target { uid: Uid(0), hotkey: Keypair::generate().unwrap().hotkey(), address };
    let (found, _) = hold(&[target]).await;
    assert_eq!(found, [Err(Fault::Unreachable)]);
}

#[tokio::test]
async fn another_hotkey_at_the_same_address_earns_nothing() {
    let honest = serve(Manner::Honest).await;
    let stranger = Target { hotkey: Keypair::generate().unwrap().hotkey(), ..honest };
    let (found, _) = hold(&[honest, stranger]).await;
    assert_eq!(found, [Ok(ROUNDS.into()), Err(Fault::BadSignature)]);
}
