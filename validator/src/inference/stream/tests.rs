use std::fmt::Write as _;
use std::net::Ipv4Addr;

use incentive::task::ModelDigest;
use incentive::units::Uid;
use proof::inference::{Params, TokenChain};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::inference::traffic::Prompt;

const SEED: [u8; 32] = [7; 32];
const BOUND: Bound = Bound { request: [1; 32], nonce: [2; 32], model: ModelDigest([3; 32]), seed: SEED };
const EXPECTED: Expected =
    Expected { max_tokens: 8, answer_tokens: 8, vocabulary: 100, alternatives: None, fingerprint: false };
/// Longer than anything here takes; only those that wait for it end by it.
const PATIENCE: Duration = Duration::from_millis(900);

/// What the server does, step by step.
enum Step {
    Write(Vec<u8>),
    Pause(u64),
    /// Writes this until nobody listens.
    Forever(Vec<u8>),
    /// Keeps the connection open.
    Hold,
}

fn head(more: &str) -> Step {
    Step::Write(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{more}connection: close\r\n\r\n").into())
}

fn data(json: &str) -> Vec<u8> {
    format!("data: {json}\n\n").into()
}

fn first() -> Vec<u8> {
    let hex = |byte: u8| format!("{byte:02x}").repeat(32);
    data(&format!(
        r#"{{"id":"x","choices":[{{"index":0,"delta":{{"role":"assistant","content":""}}}}],"assay":{{"sampler":"gumbel-chacha8-1","nonce":"{}","request_digest":"{}","model_digest":"{}"}}}}"#,
        hex(2),
        hex(1),
        hex(3)
    ))
}

fn tokens(chain: &mut TokenChain, ids: &[u32]) -> Vec<u8> {
    chain.extend(ids.iter().copied());
    let head = hex::encode(chain.head());
    data(&format!(
        r#"{{"choices":[{{"index":0,"delta":{{"content":"w"}},"finish_reason":null,"assay":{{"token_ids":{ids:?},"chain":"{head}"}}}}]}}"#
    ))
}

fn finish(reason: &str) -> Vec<u8> {
    let event = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
    [data(&event), data("[DONE]")[..].to_vec()].concat()
}

fn honest() -> Vec<Step> {
    let mut chain = TokenChain::new(&SEED);
    let mut steps = vec![head(""), Step::Write(first())];
    steps.extend((10..13).map(|id| Step::Write(tokens(&mut chain, &[id]))));
    steps.push(Step::Write(finish("stop")));
    steps
}

/// An answer whose body is this.
fn body(events: &[Vec<u8>]) -> Vec<Step> {
    vec![head(""), Step::Write(events.concat())]
}

fn status(line: &str) -> Vec<Step> {
    vec![Step::Write(format!("HTTP/1.1 {line}\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\n{{}}").into())]
}

/// Serves one connection; gives the request that came.
async fn serve(steps: Vec<Step>) -> (Target, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"{\"probe\":true}") {
            if stream.read_buf(&mut request).await.unwrap() == 0 {
                break;
            }
        }
        for step in steps {
            match step {
                Step::Write(bytes) if stream.write_all(&bytes).await.is_err() => break,
                Step::Write(_) => {}
                Step::Pause(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
                Step::Forever(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                Step::Hold => drop(stream.read(&mut [0]).await),
            }
        }
        String::from_utf8(request).unwrap()
    });
    let hotkey = Keypair::generate().unwrap().hotkey();
    (Target { uid: Uid(0), hotkey, address }, server)
}

fn probe() -> Probe {
    Probe {
        path: "/v1/chat/completions",
        body: b"{\"probe\":true}".to_vec(),
        prompt: Prompt::Text(String::new()),
        params: Params::GREEDY,
        max_tokens: Some(8),
        answer_tokens: 8,
        stop: Vec::new(),
        alternatives: None,
        nonce: [2; 32],
        fingerprint: false,
    }
}

async fn asked(steps: Vec<Step>, expected: Expected) -> (Received, String) {
    let (target, server) = serve(steps).await;
    let key = Keypair::generate().unwrap();
    let line = connect(&target).await.unwrap();
    let received = ask(line, request(&key, &target, &probe()), expected, Instant::now() + PATIENCE).await;
    assert_eq!(received.ids.len(), received.arrivals_us.len());
    (received, server.await.unwrap())
}

async fn end_of(steps: Vec<Step>) -> End {
    asked(steps, EXPECTED).await.0.end
}

#[tokio::test]
async fn an_honest_answer_is_read_whole_and_is_bound() {
    let (received, request) = asked(honest(), EXPECTED).await;
    assert_eq!((received.end, received.ids.as_slice()), (End::Finished(Finish::Stop), &[10, 11, 12][..]));
    assert_eq!((received.finish(), received.fault()), (Some(Finish::Stop), None));
    assert_eq!(binding(&received, &BOUND), Ok(()));
    let request = request.to_lowercase();
    assert!(request.starts_with("post /v1/chat/completions http/1.1\r\n"), "{request}");
    for header in ["host: 127.0.0.1:", "x-bittensor-signature: 0x", "content-length: 14", "accept-encoding: identity"] {
        assert!(request.contains(header), "{header}: {request}");
    }
}

#[tokio::test]
async fn an_answer_in_any_pieces_is_the_same_answer() {
    let (whole, _) = asked(honest(), EXPECTED).await;
    let bytes: Vec<u8> = honest()
        .into_iter()
        .filter_map(|step| if let Step::Write(bytes) = step { Some(bytes) } else { None })
        .flatten()
        .collect();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    // HTTP chunks of 97 bytes: every event is cut somewhere.
    let mut body = Vec::new();
    for piece in bytes[head..].chunks(97) {
        body.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let steps = vec![self::head("transfer-encoding: chunked\r\n"), Step::Write(body)];
    let (cut, _) = asked(steps, EXPECTED).await;
    assert_eq!((&cut.ids, cut.chain, cut.binding, cut.end), (&whole.ids, whole.chain, whole.binding, whole.end));
}

#[tokio::test]
async fn tokens_have_the_time_of_the_last_byte_of_their_chunk() {
    let mut chain = TokenChain::new(&SEED);
    let (one, two, three) = (tokens(&mut chain, &[1]), tokens(&mut chain, &[2, 3]), tokens(&mut chain, &[4]));
    let (begin, rest) = two.split_at(two.len() - 1);
    let steps = vec![
        head(""),
        Step::Write(first()),
        Step::Write(one),
        Step::Write(begin.to_vec()),
        Step::Pause(120),
        Step::Write([rest, &three[..], &finish("length")[..]].concat()),
    ];
    let (received, _) = asked(steps, EXPECTED).await;
    let [first, second, third, fourth] = received.arrivals_us[..] else { panic!("{received:?}") };
    assert!(second >= first + 120_000, "an event that is not complete is not here: {first} {second}");
    assert_eq!((second, second), (third, fourth), "a burst has one time");
    assert_eq!(received.end, End::Finished(Finish::Length));
}

#[tokio::test]
async fn each_wrong_has_its_end() {
    let chain = || TokenChain::new(&SEED);
    let malformed = End::Fault(Fault::Malformed);
    let ids = |ids: &str| data(&format!(r#"{{"choices":[{{"assay":{{"token_ids":{ids}}}}}]}}"#));
    let mut long = String::from("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n");
    (0..2000).for_each(|index| write!(long, "x-{index}: {index}\r\n").unwrap());
    let cases: Vec<(&str, Vec<Step>, End)> = vec![
        ("never an answer", vec![Step::Hold], End::Fault(Fault::NoAnswer)),
        ("a head and no token", vec![head(""), Step::Hold], End::Fault(Fault::NoAnswer)),
        ("a binding and no token", vec![head(""), Step::Write(first()), Step::Hold], End::Fault(Fault::NoAnswer)),
        ("ends without a token", body(&[first(), finish("stop")]), End::Fault(Fault::NoAnswer)),
        (
            "text without ids",
            body(&[data(r#"{"choices":[{"delta":{"content":"x"}}]}"#), finish("stop")]),
            End::Fault(Fault::NoAnswer),
        ),
        ("closes at once", vec![], End::Fault(Fault::Unreachable)),
        ("closes before a token", vec![head(""), Step::Write(first())], End::Fault(Fault::Unreachable)),
        ("breaks off", body(&[first(), tokens(&mut chain(), &[1])]), End::Broke),
        ("fails in the middle", body(&[tokens(&mut chain(), &[1]), data(r#"{"error":{"message":"x"}}"#)]), End::Broke),
        ("ends without a reason", body(&[tokens(&mut chain(), &[1]), data("[DONE]")]), End::Broke),
        ("goes on too slowly", vec![head(""), Step::Write(tokens(&mut chain(), &[1])), Step::Hold], End::Cut),
        ("busy", status("429 Too Many Requests"), End::Busy),
        ("overloaded", status("503 Service Unavailable"), End::Busy),
        ("unknown model", status("404 Not Found"), End::Fault(Fault::NotServed)),
        ("refuses", status("403 Forbidden"), End::Fault(Fault::WindowRefused)),
        ("refuses the key", status("401 Unauthorized"), End::Fault(Fault::WindowRefused)),
        ("fails", status("500 Internal Server Error"), End::Fault(Fault::WindowRefused)),
        ("redirects", status("307 Temporary Redirect"), End::Fault(Fault::WindowRefused)),
        ("other version", status("426 Upgrade Required"), End::Fault(Fault::UnsupportedVersion)),
        ("no HTTP", vec![Step::Write(b"hello\r\n\r\n".to_vec()), Step::Hold], malformed),
        ("endless header", vec![Step::Write(long.into_bytes()), Step::Hold], malformed),
        ("compressed", vec![head("content-encoding: gzip\r\n"), Step::Hold], malformed),
        (
            "not a stream",
            vec![Step::Write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}".to_vec())],
            malformed,
        ),
        ("no JSON", body(&[data("x")]), malformed),
        ("a list", body(&[data("[null,[],null]")]), malformed),
        ("two choices", body(&[data(r#"{"choices":[{"index":0},{"index":1}]}"#)]), malformed),
        ("another choice", body(&[data(r#"{"choices":[{"index":1}]}"#)]), malformed),
        ("not UTF-8", body(&[b"data: \xff\n\n".to_vec()]), malformed),
        ("an unknown reason", body(&[finish("tool_calls")]), malformed),
        ("bound twice", body(&[first(), first()]), malformed),
        ("bound afterwards", body(&[ids("[1]"), first()]), malformed),
        ("an id that is none", body(&[ids("[-1]")]), malformed),
        ("an id beyond u32", body(&[ids("[4294967296]")]), malformed),
        ("an id beyond the vocabulary", body(&[ids("[100]")]), malformed),
        ("more ids than asked for", body(&[ids("[1,1,1,1,1,1,1,1,1]")]), malformed),
        (
            "a fingerprint unasked",
            body(&[data(r#"{"choices":[{"assay":{"token_ids":[1],"fingerprint":["00"]}}]}"#)]),
            malformed,
        ),
        (
            "one giant event",
            vec![head(""), Step::Write(b"data: ".to_vec()), Step::Forever(vec![b'x'; 1 << 16])],
            malformed,
        ),
        ("comments without end", vec![head(""), Step::Forever(b": keep-alive\n\n".repeat(1000))], malformed),
        ("events without end", vec![head(""), Step::Forever(data(r#"{"choices":[]}"#))], malformed),
        ("JSON that is deep", body(&[data(&"{\"x\":".repeat(3000))]), malformed),
    ];
    let cases = cases.into_iter().map(|(name, steps, expected)| async move { (name, end_of(steps).await, expected) });
    for (name, end, expected) in futures_util::future::join_all(cases).await {
        assert_eq!(end, expected, "{name}");
    }
}

#[tokio::test]
async fn one_byte_per_frame_is_cut_long_before_the_bytes_are_many() {
    let byte = b"1\r\n:\r\n".to_vec();
    let mut steps = vec![head("transfer-encoding: chunked\r\n")];
    steps.extend((0..200).flat_map(|_| [Step::Write(byte.clone()), Step::Pause(1)]));
    steps.push(Step::Hold);
    assert_eq!(end_of(steps).await, End::Fault(Fault::Malformed));
}

#[tokio::test]
async fn what_came_before_the_deadline_counts_and_nothing_after() {
    let mut chain = TokenChain::new(&SEED);
    let mut steps = vec![head(""), Step::Write(first())];
    for id in 0..8 {
        steps.extend([Step::Write(tokens(&mut chain, &[id])), Step::Pause(250)]);
    }
    let (received, _) = asked(steps, EXPECTED).await;
    assert_eq!(received.end, End::Cut);
    assert!((1..8).contains(&received.ids.len()), "{received:?}");
    assert!(received.arrivals_us.iter().all(|at| *at <= PATIENCE.as_micros() as u64));
    assert_eq!(binding(&received, &BOUND), Ok(()), "the head covers what came");
}

#[tokio::test]
async fn enough_is_enough() {
    let mut chain = TokenChain::new(&SEED);
    let events: Vec<_> = [first()].into_iter().chain((0..8).map(|id| tokens(&mut chain, &[id]))).collect();
    for sent in [4, events.len()] {
        let steps = vec![head(""), Step::Write(events[..sent].concat()), Step::Hold];
        let (received, _) = asked(steps, Expected { answer_tokens: 3, ..EXPECTED }).await;
        assert_eq!((received.end, received.ids.len()), (End::Cut, 3), "{sent}");
        assert_eq!(binding(&received, &BOUND), Ok(()));
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = Target { uid: Uid(0), hotkey: Keypair::generate().unwrap().hotkey(), address };
    assert_eq!(connect(&target).await.unwrap_err(), Fault::Unreachable);
}

/// An answer as it was received, without a server.
fn received(pieces: &[Vec<u8>]) -> Received {
    let now = Instant::now();
    let mut reading = Reading::new(now, EXPECTED);
    for piece in pieces {
        if let Some(end) = reading.take(piece, now) {
            return reading.end(end);
        }
    }
    reading.end(End::Cut)
}

#[test]
fn an_answer_is_bound_to_question_model_hotkey_and_order() {
    let mut chain = TokenChain::new(&SEED);
    let good = received(&[first(), tokens(&mut chain, &[1]), tokens(&mut chain, &[2, 3])]);
    assert_eq!(binding(&good, &BOUND), Ok(()));
    let wrong = Err(Fault::WrongBinding);
    for bound in [
        Bound { request: [9; 32], ..BOUND },
        Bound { nonce: [9; 32], ..BOUND },
        Bound { model: ModelDigest([9; 32]), ..BOUND },
        // Relayed: the seed of another hotkey.
        Bound { seed: [9; 32], ..BOUND },
    ] {
        assert_eq!(binding(&good, &bound), wrong);
    }
    let said = good.binding.unwrap();
    let changed = |change: &dyn Fn(&mut Received)| {
        let mut other = good.clone();
        change(&mut other);
        binding(&other, &BOUND)
    };
    assert_eq!(changed(&|other| other.binding = None), wrong);
    assert_eq!(changed(&|other| other.chain = None), wrong);
    assert_eq!(changed(&|other| other.ids.swap(0, 1)), wrong);
    assert_eq!(changed(&|other| other.ids[2] = 4), wrong);
    assert_eq!(changed(&|other| other.ids.push(4)), wrong, "a token that no head covers");
    assert_eq!(changed(&|other| other.binding = Some(Binding { seeded: false, ..said })), wrong);
    assert_eq!(changed(&|other| other.binding = Some(Binding { request: None, ..said })), wrong);
    assert_eq!(
        changed(&|other| other.binding = Some(Binding { model: None, ..said })),
        Ok(()),
        "another server's model"
    );
}
