//! llama.cpp's server, and the one of llama-cpp-python, with a model of a few layers.

use std::path::Path;
use std::time::Duration;

use engine::generation::Finish;
use miner::inference::backend::{Backend, BackendError, Completion, Delta, Kind, Prompt};
use miner::inference::remote::{
    Dialect, DialectConfig, Parts, Remote, RemoteConfig, RemoteError, Standing, capabilities::Unpaid, check, payable,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::process::{Server, model, program};
use super::{collect, greedy};

/// Long enough that nobody waits for the end of it.
const LONG: usize = 30_000;

async fn llama_cpp(arguments: &[&str]) -> Option<Server> {
    let (program, model) = (program("ASSAY_LLAMA_CPP")?, model()?);
    let common = ["--model", model.to_str()?, "--alias", "tiny", "--threads", "1", "--no-webui"];
    Some(Server::start(&program, &[&common, arguments].concat()).await)
}

async fn llama_cpp_python(arguments: &[&str]) -> Option<Server> {
    let (program, model) = (program("ASSAY_LLAMA_SERVER")?, model()?);
    let common = ["-m", "llama_cpp.server", "--model", model.to_str()?, "--model_alias", "tiny", "--n_threads", "1"];
    Some(Server::start(&program, &[&common, arguments].concat()).await)
}

async fn connect(config: RemoteConfig) -> Remote {
    Remote::connect(config, Parts::default()).await.unwrap()
}

/// The expected results of a fixture. The tokenizer is that of the model before it was quantised.
fn fixture(name: &str) -> Value {
    let path = model().unwrap();
    let path = path.parent().unwrap().with_file_name(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

async fn post(server: &Server, path: &str, body: &Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{}{path}", server.url)).json(body).send().await.unwrap().json().await.unwrap()
}

async fn stream(server: &Server, body: &Value) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{}/completion", server.url)).json(body).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn llama_cpp_is_paid_at_temperature_0() {
    let Some(server) = llama_cpp(&["-c", "2048", "-np", "2"]).await else { return };
    let remote = connect(RemoteConfig::new("mine", format!("{}/v1", server.url))).await;
    let found = remote.capabilities();
    assert_eq!((found.dialect, found.context), (Dialect::LlamaCpp, 1024));
    assert!(found.token_ids && found.prompt_ids && found.greedy && !found.seeded, "{found}");
    assert!(found.logprobs);
    assert_eq!(payable(found), Standing::GreedyOnly);
    assert_eq!((remote.model().id.as_str(), remote.model().kind), ("mine", Kind::Decoder));
    // A seed is of no use to it, and it does not claim otherwise.
    let parts = Parts { seed: Some(std::sync::Arc::new(|_, _| [1; 32])), ..Parts::default() };
    let report = check(&RemoteConfig::new("mine", &server.url), parts).await.unwrap();
    assert_eq!(report.standing, Some(Standing::GreedyOnly));
    assert!(report.text.contains("paid at temperature 0 alone"), "{}", report.text);
}

#[tokio::test]
async fn llama_cpp_tokenises_as_the_fixtures_do() {
    let Some(server) = llama_cpp(&["-c", "2048", "-np", "1"]).await else { return };
    let remote = connect(RemoteConfig::new("mine", &server.url)).await;
    let fixture = fixture("llama-untied-bf16-sharded");
    let begin = async |prompt: Prompt| collect(&mut remote.complete(greedy(prompt, 1)).await.unwrap()).await.unwrap();
    let mut compared = 0;
    for text in fixture["tokenizer"].as_array().unwrap() {
        let answer = begin(Prompt::Text(text["text"].as_str().unwrap().into())).await;
        assert_eq!(answer.prompt_ids, ids(&text["ids_with_special"]), "{text}");
        compared += 1;
    }
    for chat in fixture["chat"].as_array().unwrap() {
        if chat["add_generation_prompt"] == true && chat["extra"].as_object().is_none_or(serde_json::Map::is_empty) {
            let answer = begin(Prompt::Chat(chat["messages"].as_array().unwrap().clone())).await;
            assert_eq!(answer.prompt_ids, ids(&chat["ids"]), "{chat}");
            compared += 1;
        }
    }
    println!("compared: {compared}");
    assert!(compared > 5);
}

#[tokio::test]
async fn llama_cpp_streams_every_id() {
    let Some(server) = llama_cpp(&["-c", "2048", "-np", "2"]).await else { return };
    let remote = connect(RemoteConfig::new("mine", &server.url)).await;
    let mut gaps = 0;
    for prompt in fixture("llama-untied-q8_0-gguf")["prompts"].as_array().unwrap() {
        let prompt = ids(&prompt["ids"]);
        let mut deltas = remote.complete(greedy(Prompt::Tokens(prompt.clone()), 48)).await.unwrap();
        let streamed = collect(&mut deltas).await.unwrap();
        // The same without a stream, from the server itself: there it shows every id.
        let body = json!({"prompt": prompt, "n_predict": 48, "temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0,
            "repeat_penalty": 1, "ignore_eos": true, "return_tokens": true, "samplers": ["temperature"]});
        let whole = post(&server, "/completion", &body).await;
        assert_eq!(streamed.ids(), ids(&whole["tokens"]));
        assert_eq!(streamed.end, Some((Finish::Length, 48)));
        assert_eq!(streamed.prompt_ids, prompt);
        let body = json!({"prompt": prompt, "n_predict": 48, "temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0,
            "repeat_penalty": 1, "ignore_eos": true, "return_tokens": true, "samplers": ["temperature"], "stream": true});
        let raw = stream(&server, &body).await;
        let shown = raw.matches("\"tokens\":[").count() - raw.matches("\"tokens\":[]").count();
        gaps += usize::from(shown < 48);
    }
    println!("answers with ids that the stream does not show: {gaps}");
    assert!(gaps > 0);
}

#[tokio::test]
async fn llama_cpp_reports_probabilities_stops_and_refuses() {
    let Some(server) = llama_cpp(&["-c", "512", "-np", "1"]).await else { return };
    let remote = connect(RemoteConfig::new("mine", &server.url)).await;
    let prompt = Prompt::Text("The quick brown fox".into());
    let request = Completion { logprobs: Some(3), ..greedy(prompt.clone(), 6) };
    let answer = collect(&mut remote.complete(request).await.unwrap()).await.unwrap();
    // Of tokens that the stream does not show there are none.
    assert!(!answer.tokens.is_empty() && answer.logprobs.len() >= answer.tokens.len());
    for (token, shown) in answer.tokens.iter().zip(&answer.logprobs) {
        assert_eq!((shown.logprob, shown.top.len(), &shown.bytes), (token.logprob, 3, &shown.top[0].0));
        assert_eq!((token.top.len(), token.top[0].0), (3, token.id), "the largest is taken");
        assert!((token.top[0].1 - token.logprob).abs() < 1e-6 && token.logprob < 0.0);
        assert!(token.top.is_sorted_by(|a, b| a.1 >= b.1));
    }
    // The answer up to the text that ends it.
    let whole = collect(&mut remote.complete(greedy(prompt.clone(), 40)).await.unwrap()).await.unwrap();
    let word: String = whole.text.chars().filter(char::is_ascii_alphanumeric).skip(6).take(1).collect();
    let request = Completion { stop: vec![word.clone()], ..greedy(prompt.clone(), 40) };
    let stopped = collect(&mut remote.complete(request).await.unwrap()).await.unwrap();
    assert_eq!(stopped.text, whole.text.split(&word).next().unwrap());
    assert_eq!(stopped.end.unwrap().0, Finish::Stop);
    assert!(whole.ids().starts_with(&stopped.ids()));
    // Too long, empty, unknown.
    for (ids, code) in [(vec![5; 508], "context_length_exceeded"), (Vec::new(), "invalid_value")] {
        let error = remote.complete(greedy(Prompt::Tokens(ids), 5)).await.map(drop).unwrap_err();
        assert!(
            matches!(&error, BackendError::Invalid { parameter: "prompt", code: found, .. } if *found == code),
            "{error:?}"
        );
    }
    let error = remote.complete(greedy(Prompt::Tokens(vec![4_000_000_000]), 5)).await.map(drop).unwrap_err();
    assert!(matches!(error, BackendError::Unavailable(_)), "{error:?}");
    // At most what the context leaves, if nothing is said.
    let request = Completion { max_tokens: None, ..greedy(Prompt::Tokens(vec![5; 500]), 0) };
    let answer = collect(&mut remote.complete(request).await.unwrap()).await.unwrap();
    assert_eq!(answer.end, Some((Finish::Length, 12)));
}

#[tokio::test]
async fn llama_cpp_embeds() {
    let Some(server) = llama_cpp(&["-c", "512", "-np", "1", "--embeddings", "--pooling", "mean"]).await else { return };
    let config = RemoteConfig { embedding: true, ..RemoteConfig::new("mine", &server.url) };
    let remote = connect(config.clone()).await;
    let text = |text: &str| Prompt::Text(text.into());
    let found =
        remote.embed(vec![text("a fox"), Prompt::Tokens(vec![5, 6, 7]), text("a hen"), text("a fox")]).await.unwrap();
    let dot = |a: usize, b: usize| found.vectors[a].iter().zip(&found.vectors[b]).map(|(a, b)| a * b).sum::<f32>();
    assert!((0..4).all(|place| (dot(place, place) - 1.0).abs() < 1e-5));
    assert!((dot(0, 3) - 1.0).abs() < 1e-5 && dot(0, 2) < 0.9999 && dot(0, 1) < 0.9999);
    assert!(found.tokens > 8);
    assert!(check(&config, Parts::default()).await.unwrap().text.contains("vectors of "));
    let error = remote.complete(greedy(text("x"), 1)).await.map(drop).unwrap_err();
    assert!(matches!(error, BackendError::Invalid { parameter: "model", .. }));
}

/// Who stops listening frees the server's only slot; who does not, does not.
async fn cancellation(server: &Server, config: RemoteConfig) {
    let remote = connect(config).await;
    let mut first =
        remote.complete(greedy(Prompt::Text("The".into()), LONG.min(remote.model().context - 50))).await.unwrap();
    assert!(matches!(first.recv().await.unwrap().unwrap(), Delta::Begin { .. }));
    let next = async {
        let mut deltas = remote.complete(greedy(Prompt::Text("A hen".into()), 4)).await.unwrap();
        collect(&mut deltas).await.unwrap()
    };
    tokio::pin!(next);
    assert!(timeout(Duration::from_millis(700), &mut next).await.is_err(), "the slot is taken");
    drop(first);
    let answer = timeout(Duration::from_secs(8), next).await.expect("the slot is free");
    assert_eq!(answer.end.map(|end| end.0), Some(Finish::Length), "{}", server.url);
}

/// A server that dies takes its answer with it, and is named by the next who asks.
async fn death(server: &mut Server, config: RemoteConfig) {
    let remote = connect(config.clone()).await;
    let mut deltas =
        remote.complete(greedy(Prompt::Text("The".into()), LONG.min(remote.model().context - 50))).await.unwrap();
    assert!(matches!(deltas.recv().await.unwrap().unwrap(), Delta::Begin { .. }));
    server.kill();
    let error = collect(&mut deltas).await.unwrap_err();
    assert!(matches!(&error, BackendError::Unavailable(text) if text.contains("broke off")), "{error:?}");
    let error = remote.complete(greedy(Prompt::Text("The".into()), 5)).await.map(drop).unwrap_err();
    assert!(matches!(error, BackendError::Unavailable(_)), "{error:?}");
    let error = Remote::connect(config, Parts::default()).await.map(drop).unwrap_err();
    assert!(matches!(&error, RemoteError::Unreachable { url, .. } if *url == server.url), "{error}");
}

#[tokio::test]
async fn llama_cpp_is_free_when_nobody_listens() {
    let Some(server) = llama_cpp(&["-c", "32768", "-np", "1"]).await else { return };
    cancellation(&server, RemoteConfig::new("mine", &server.url)).await;
}

#[tokio::test]
async fn llama_cpp_dies() {
    let Some(mut server) = llama_cpp(&["-c", "32768", "-np", "1"]).await else { return };
    let config = RemoteConfig::new("mine", &server.url);
    death(&mut server, config).await;
}

#[tokio::test]
async fn llama_cpp_wants_its_key() {
    let Some(server) = llama_cpp(&["-c", "512", "-np", "1", "--api-key", "open sesame"]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    std::fs::write(&right, "open sesame\n").unwrap();
    std::fs::write(&wrong, "open barley\n").unwrap();
    let with = |path: &Path| RemoteConfig { api_key_file: Some(path.into()), ..RemoteConfig::new("mine", &server.url) };
    let answer = connect(with(&right)).await.complete(greedy(Prompt::Text("The".into()), 2)).await;
    assert_eq!(collect(&mut answer.unwrap()).await.unwrap().ids().len(), 2);
    // The list of models is open to all, the rest is not.
    for config in [with(&wrong), RemoteConfig::new("mine", &server.url)] {
        let error = Remote::connect(config, Parts::default()).await.map(drop).unwrap_err();
        assert!(matches!(error, RemoteError::Refused { status: 401, .. }), "{error}");
        assert!(!error.to_string().contains("barley"));
    }
}

fn python(server: &Server) -> RemoteConfig {
    RemoteConfig { context: Some(512), ..RemoteConfig::new("mine", &server.url) }
}

#[tokio::test]
async fn llama_cpp_python_answers_and_is_not_paid() {
    let Some(server) = llama_cpp_python(&["--n_ctx", "512"]).await else { return };
    let error = Remote::connect(RemoteConfig::new("mine", &server.url), Parts::default()).await.map(drop).unwrap_err();
    assert!(matches!(error, RemoteError::Context { .. }), "{error}");
    let remote = connect(python(&server)).await;
    let found = remote.capabilities();
    assert_eq!((found.dialect, found.logprobs, found.prompt_ids), (Dialect::OpenAi, true, false));
    assert_eq!(payable(found), Standing::Unpaid(Unpaid::NoTokenIds));
    let text = Prompt::Text("The quick brown fox".into());
    let whole = collect(&mut remote.complete(greedy(text.clone(), 24)).await.unwrap()).await.unwrap();
    assert!(!whole.text.is_empty() && whole.tokens.is_empty() && whole.prompt_ids.is_empty());
    assert_eq!(whole.end.unwrap().0, Finish::Length);
    let chat = Prompt::Chat(vec![json!({"role": "user", "content": "hello"})]);
    let answer = collect(&mut remote.complete(greedy(chat, 24)).await.unwrap()).await.unwrap();
    assert!(!answer.text.is_empty());
    let word: String = whole.text.chars().filter(char::is_ascii_alphanumeric).skip(4).take(1).collect();
    let request = Completion { stop: vec![word.clone()], ..greedy(text.clone(), 24) };
    let stopped = collect(&mut remote.complete(request).await.unwrap()).await.unwrap();
    assert_eq!(
        (stopped.text.as_str(), stopped.end.unwrap().0),
        (whole.text.split(&word).next().unwrap(), Finish::Stop)
    );
    let request = Completion { logprobs: Some(2), ..greedy(text, 4) };
    let answer = collect(&mut remote.complete(request).await.unwrap()).await.unwrap();
    // Two alternatives with the same text, as pieces of characters have it, are one there.
    let sound = |shown: &miner::inference::backend::Logprob| shown.logprob < 0.0 && (1..=2).contains(&shown.top.len());
    assert!(!answer.logprobs.is_empty() && answer.logprobs.iter().all(sound), "{:?}", answer.logprobs);
    let error = remote.complete(greedy(Prompt::Tokens(vec![5]), 4)).await.map(drop).unwrap_err();
    assert!(matches!(error, BackendError::Invalid { .. }), "{error:?}");
    // What it is told to be, it is taken for; the trial answer then says that it is not.
    let config = RemoteConfig { dialect: DialectConfig::LlamaCpp, ..python(&server) };
    assert!(Remote::connect(config, Parts::default()).await.is_err());
}

#[tokio::test]
async fn llama_cpp_python_is_free_when_nobody_listens() {
    let Some(server) = llama_cpp_python(&["--n_ctx", "32768"]).await else { return };
    cancellation(&server, RemoteConfig { context: Some(32768), ..python(&server) }).await;
}

#[tokio::test]
async fn llama_cpp_python_dies() {
    let Some(mut server) = llama_cpp_python(&["--n_ctx", "32768"]).await else { return };
    let config = RemoteConfig { context: Some(32768), ..python(&server) };
    death(&mut server, config).await;
}
