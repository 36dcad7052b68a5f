//! A server that means harm: bytes and silences that no real one sends on purpose. It is well-behaved while it is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use miner::inference::backend::{Backend, BackendError, Prompt};
use miner::inference::remote::{Parts, Remote, RemoteConfig, RemoteError, Standing, payable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{collect, greedy};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

/// What it does to a completion once it shows its face.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// These bytes, then the end of the connection.
    Then(&'static str),
    /// These bytes, then silence.
    Silence(&'static str),
    /// The first bytes, then the second for ever.
    Forever(&'static str, &'static str),
}

struct Server {
    url: String,
    /// Tells when a client has gone while it was answered.
    gone: mpsc::UnboundedReceiver<()>,
}

/// Harmless for the two trials of a probe; what it does afterwards is `harm`.
async fn server(harm: Harm) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, gone) = mpsc::unbounded_channel();
    let completions = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, harm, Arc::clone(&completions), tell.clone()));
        }
    });
    Server { url, gone }
}

async fn serve(mut client: TcpStream, harm: Harm, completions: Arc<AtomicUsize>, gone: mpsc::UnboundedSender<()>) {
    let Some(path) = request(&mut client).await else { return };
    let harmless = match path.as_str() {
        "/v1/models" => json(r#"{"data":[{"id":"m","owned_by":"vllm","max_model_len":100}]}"#),
        "/tokenize" => json(r#"{"tokens":[1,2],"count":2,"max_model_len":100}"#),
        _ if completions.fetch_add(1, Ordering::SeqCst) < 2 => format!(
            "{STREAM}connection: close\r\n\r\ndata: {{\"choices\":[{{\"text\":\"a\",\"token_ids\":[3],\"finish_reason\":\"length\"}}]}}\n\ndata: [DONE]\n\n"
        ),
        _ => {
            let broken = harmful(&mut client, harm).await.is_err();
            if broken {
                let _ = gone.send(());
            }
            return;
        }
    };
    let _ = client.write_all(harmless.as_bytes()).await;
}

/// Errors when the client is gone.
async fn harmful(client: &mut TcpStream, harm: Harm) -> std::io::Result<()> {
    match harm {
        Harm::Then(bytes) => client.write_all(bytes.as_bytes()).await,
        Harm::Silence(bytes) => {
            client.write_all(bytes.as_bytes()).await?;
            match client.read(&mut [0]).await? {
                0 => Err(std::io::ErrorKind::ConnectionAborted.into()),
                _ => Ok(()),
            }
        }
        Harm::Forever(bytes, more) => {
            client.write_all(bytes.as_bytes()).await?;
            let more = more.repeat(1000);
            loop {
                client.write_all(more.as_bytes()).await?;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Reads a request; gives its path.
async fn request(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    client.read_exact(&mut vec![0; length]).await.ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn config(url: &str) -> RemoteConfig {
    RemoteConfig { first_s: 1, idle_s: 1, answer_s: 3, ..RemoteConfig::new("m", url) }
}

/// What becomes of a request.
async fn answer(harm: Harm) -> Result<super::Answer, BackendError> {
    let server = server(harm).await;
    let remote = Remote::connect(config(&server.url), Parts::default()).await.unwrap();
    assert_eq!(payable(remote.capabilities()), Standing::GreedyOnly);
    let began = Instant::now();
    let answer = match remote.complete(greedy(Prompt::Tokens(vec![1, 2]), 5)).await {
        Ok(mut deltas) => collect(&mut deltas).await,
        Err(error) => Err(error),
    };
    assert!(began.elapsed() < Duration::from_secs(8), "{harm:?} took {:?}", began.elapsed());
    answer
}

async fn refused(harm: Harm) -> String {
    match answer(harm).await {
        Err(BackendError::Unavailable(text)) => text,
        other => panic!("{harm:?}: {other:?}"),
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn the_same_server_is_listened_to_when_it_behaves() {
    let events = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n",
        "data: {\"choices\":[{\"text\":\"a\",\"token_ids\":[7]}]}\r\n\r\n: ping\n\n",
        "data: {\"choices\":[{\"text\":\"b\",\"token_ids\":[8],\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
    );
    let answer = answer(Harm::Then(events)).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.ids(), answer.prompt_ids), ("ab", vec![7, 8], vec![1, 2]));
    assert_eq!(answer.end, Some((engine::generation::Finish::Stop, 2)));
}

#[tokio::test]
async fn what_is_endless_is_cut() {
    assert!(refused(Harm::Forever(HEAD, "x")).await.contains("longer than"), "a line");
    assert!(refused(Harm::Forever(HEAD, "data: x\n")).await.contains("longer than"), "an event");
    let tokens = "data: {\"choices\":[{\"text\":\"a\",\"token_ids\":[7]}]}\n\n";
    assert!(refused(Harm::Forever(HEAD, tokens)).await.contains("more than the 5 tokens"));
    let texts = "data: {\"choices\":[{\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}\n\n";
    assert!(refused(Harm::Forever(HEAD, texts)).await.contains("more than the 5 tokens"));
    let nothing = "data: {\"choices\":[{\"text\":\"\"}]}\n\n";
    assert!(refused(Harm::Forever(HEAD, nothing)).await.contains("more than the 5 tokens"));
    // Comments are no sign of life.
    assert!(refused(Harm::Forever(HEAD, ": still here\n\n")).await.contains("no token for 1 s"));
    refused(Harm::Forever("HTTP/1.1 200 OK\r\n", "x: y\r\n")).await;
    assert!(refused(Harm::Forever("HTTP/1.1 500 No\r\n\r\n", "x")).await.starts_with("status 500"));
}

#[tokio::test]
async fn silence_has_an_end() {
    assert!(refused(Harm::Silence("")).await.contains("no answer within 1 s"));
    assert!(refused(Harm::Silence(HEAD)).await.contains("no token for 1 s"));
    let one = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"text\":\"a\",\"token_ids\":[7]}]}\n\ndata: {";
    assert!(refused(Harm::Silence(one)).await.contains("no token for 1 s"));
}

#[tokio::test]
async fn what_breaks_off_is_no_answer() {
    let whole = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"text\":\"a\",\"token_ids\":[7]}]}\n\n";
    assert_eq!(refused(Harm::Then(whole)).await, "the answer broke off");
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:";
    assert!(refused(Harm::Then(chunked)).await.starts_with("the answer broke off: "));
    refused(Harm::Then("")).await;
    refused(Harm::Then("HTTP/1.1 200")).await;
    refused(Harm::Then("\0\0\0\0\0\0\r\n\r\n")).await;
}

#[tokio::test]
async fn what_is_no_stream_of_events_is_refused() {
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi";
    assert!(refused(Harm::Then(html)).await.contains("not with a stream of events"));
    let packed = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n\u{1f}";
    assert!(refused(Harm::Then(packed)).await.contains("compressed"));
    let nonsense = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {nonsense\n\n";
    assert!(refused(Harm::Then(nonsense)).await.contains("not as expected"));
    let failed = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"error\":{\"message\":\"out of memory\"}}\n\n";
    assert!(refused(Harm::Then(failed)).await.contains("out of memory"));
    // Nobody is followed elsewhere.
    let moved = "HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    assert!(refused(Harm::Then(moved)).await.starts_with("status 307"));
}

#[tokio::test]
async fn a_busy_server_and_a_prompt_that_is_too_long_are_told_apart() {
    let busy = "HTTP/1.1 429 Busy\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answer(Harm::Then(busy)).await.unwrap_err(), BackendError::Busy);
    let long = "HTTP/1.1 400 No\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"This model's maximum context length is 4\"}}";
    let error = answer(Harm::Then(long)).await.unwrap_err();
    assert!(matches!(error, BackendError::Invalid { code: "context_length_exceeded", .. }), "{error:?}");
}

#[tokio::test]
async fn who_stops_listening_closes_the_connection() {
    let mut server = server(Harm::Silence(HEAD)).await;
    let config = RemoteConfig { slots: 1, ..RemoteConfig::new("m", &server.url) };
    let remote = Remote::connect(config, Parts::default()).await.unwrap();
    let first = remote.complete(greedy(Prompt::Tokens(vec![1, 2]), 5)).await.unwrap();
    let second = remote.complete(greedy(Prompt::Tokens(vec![1, 2]), 5)).await;
    assert_eq!(second.map(drop).unwrap_err(), BackendError::Busy);
    drop(first);
    tokio::time::timeout(Duration::from_secs(10), server.gone.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_gives_up_waiting_for_the_first_byte_closes_it_too() {
    let mut server = server(Harm::Silence("")).await;
    let remote = Remote::connect(RemoteConfig::new("m", &server.url), Parts::default()).await.unwrap();
    let request = remote.complete(greedy(Prompt::Tokens(vec![1, 2]), 5));
    assert!(tokio::time::timeout(Duration::from_millis(300), request).await.is_err());
    tokio::time::timeout(Duration::from_secs(10), server.gone.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Remote::connect(RemoteConfig::new("m", &url), Parts::default()).await.map(drop).unwrap_err();
    assert!(matches!(&error, RemoteError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("is the server running"), "{text}");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_with_those_that_are() {
    let server = server(Harm::Then("")).await;
    let config = RemoteConfig { model: Some("other".into()), ..RemoteConfig::new("m", &server.url) };
    let error = Remote::connect(config, Parts::default()).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("has no model other, it serves m; set `model`"), "{error}");
}
