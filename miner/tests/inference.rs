//! OpenAI's API over HTTP, before a backend without a model.

use std::sync::Arc;
use std::time::SystemTime;

use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use miner::inference::Identity;
use miner::inference::access::{Access, Keys};
use miner::inference::backend::Backend;
use miner::inference::config::InferenceConfig;
use miner::inference::metrics::Metrics;
use miner::inference::service::Service;
use miner::inference::stub::{Pace, Stub};
use miner::serve::{Door, serve};
use miner::view::View;
use neuron_common::auth;
use neuron_common::chain::{BlockRef, Neuron, Snapshot};
use neuron_common::keystore::Keypair;
use proof::inference::{TokenChain, request_digest};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";
const KEY: &str = "a key of the test";
const TAO: u64 = 1_000_000_000;

/// A miner on loopback with two validators, of whom the first has three times the stake.
struct Bench {
    url: String,
    http: Client,
    service: Arc<Service>,
    stub: Stub,
    identity: Identity,
    heavy: Keypair,
    light: Keypair,
    stop: CancellationToken,
    _view: watch::Sender<View>,
}

fn neuron(uid: u16, key: &Keypair, validator_permit: bool, stake: u64) -> Neuron {
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
        stake: Rao(stake),
    }
}

fn keys() -> Keys {
    use sha2::Digest as _;
    Keys::parse(&hex::encode(sha2::Sha256::digest(KEY))).unwrap()
}

impl Bench {
    async fn start(stub: Stub, slots: usize, config: InferenceConfig) -> Self {
        let key = |uri| Keypair::from_uri(uri).unwrap();
        let (own, heavy, light) = (key("//Miner"), key("//Alice"), key("//Bob"));
        let neurons = vec![
            neuron(0, &heavy, true, 3000 * TAO),
            neuron(1, &light, true, 1000 * TAO),
            neuron(2, &key("//Charlie"), false, 9000 * TAO),
        ];
        let snapshot = Snapshot {
            block: BlockRef { number: Block(100), hash: [7; 32] },
            netuid: NetUid(3),
            tempo: 20,
            last_epoch_block: Block(90),
            epoch_index: 1,
            weights_rate_limit: 0,
            weights_version_key: 0,
            commit_reveal: false,
            owner_uid: None,
            neurons,
        };
        let (view, receiver) = watch::channel(View { snapshot: Arc::new(snapshot), window: None });
        let access = Access::new(own.hotkey(), receiver, keys(), config.anyone, config.api_keys_stake);
        let identity = Identity { genesis: [9; 32], netuid: NetUid(3), own: own.hotkey() };
        let embedder = Stub::new("embedder", Pace::Free, 1).encoder();
        let models: Vec<(Arc<dyn Backend>, usize)> = vec![(Arc::new(stub.clone()), slots), (Arc::new(embedder), 1)];
        let service = Service::new(&config, models, access, identity, Metrics::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, http) = (CancellationToken::new(), Client::builder().no_proxy().build().unwrap());
        let metrics = miner::metrics::Metrics::default();
        tokio::spawn(serve(listener, service.routes(), Door::new(4096), metrics, stop.clone()));
        Self { url, http, service, stub, identity, heavy, light, stop, _view: view }
    }

    /// A miner whose answers of eight words come at once.
    async fn free() -> Self {
        Self::start(Stub::new("stub", Pace::Free, 8), 4, InferenceConfig::default()).await
    }

    fn request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(KEY).body(body.to_string())
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.request(path, &body).send().await.unwrap()
    }

    async fn json(&self, path: &str, body: Value) -> Value {
        let response = self.post(path, body).await;
        let status = response.status();
        let value: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{value}");
        value
    }

    async fn signed(&self, key: &Keypair, path: &str, body: Value) -> Response {
        let body = body.to_string().into_bytes();
        let headers = auth::sign(key, "POST", path, &body, &self.identity.own, SystemTime::now());
        self.http.post(format!("{}{path}", self.url)).headers(headers).body(body).send().await.unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn chat(more: Value) -> Value {
    merged(json!({ "model": "stub", "messages": [{ "role": "user", "content": "hello" }], "seed": 1 }), more)
}

fn text(more: Value) -> Value {
    merged(json!({ "model": "stub", "prompt": "hello", "seed": 1 }), more)
}

fn merged(mut all: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object") };
    all.as_object_mut().unwrap().extend(more);
    all
}

/// Status, code and parameter of a refusal, which must have OpenAI's form.
async fn refusal(response: Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json", "{status}");
    let body: Value = response.json().await.unwrap();
    let error = body["error"].as_object().unwrap();
    let mut names: Vec<_> = error.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "message", "param", "type"], "{body}");
    assert!(error["message"].is_string() && error["type"].is_string());
    (status, error["code"].as_str().unwrap().to_owned(), error["param"].clone())
}

fn is(status: u16, code: &str, param: Option<&str>) -> (u16, String, Value) {
    (status, code.to_owned(), param.into())
}

/// The events of a stream; the last must be `[DONE]`.
async fn events(response: Response) -> Vec<Value> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    let mut events: Vec<&str> =
        text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

/// The texts of one choice of a stream.
fn said(events: &[Value], index: u64) -> String {
    let choices = events.iter().flat_map(|event| event["choices"].as_array().unwrap());
    let own = choices.filter(|choice| choice["index"] == index);
    own.filter_map(|choice| choice["text"].as_str().or(choice["delta"]["content"].as_str())).collect()
}

#[tokio::test]
async fn a_conversation_is_answered_with_usage() {
    let bench = Bench::free().await;
    let answer = bench.json(CHAT, chat(json!({}))).await;
    assert_eq!(answer["object"], "chat.completion");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(answer["system_fingerprint"], "fp_abababababababab");
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13 }));
    let choice = &answer["choices"][0];
    assert_eq!((choice["finish_reason"].as_str(), &choice["logprobs"]), (Some("stop"), &Value::Null));
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"].as_str().unwrap().split_whitespace().count(), 8);
    assert_eq!(answer.get("assay"), None, "nothing of our own unless asked for");
    // The same seed, the same answer; another, another.
    let again = bench.json(CHAT, chat(json!({}))).await;
    assert_eq!(again["choices"], answer["choices"]);
    let other = bench.json(CHAT, chat(json!({ "seed": 2 }))).await;
    assert_ne!(other["choices"], answer["choices"]);
}

#[tokio::test]
async fn limits_and_stops_end_an_answer() {
    let bench = Bench::free().await;
    let finish = |answer: &Value| answer["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
    for name in ["max_tokens", "max_completion_tokens"] {
        let answer = bench.json(CHAT, chat(json!({ name: 3 }))).await;
        assert_eq!((finish(&answer).as_str(), &answer["usage"]["completion_tokens"]), ("length", &json!(3)));
    }
    let long = bench.json(TEXT, text(json!({ "max_tokens": 20, "ignore_eos": true }))).await;
    assert_eq!((finish(&long).as_str(), &long["usage"]["completion_tokens"]), ("length", &json!(20)));
    let stopped = bench.json(TEXT, text(json!({ "max_tokens": 20, "stop": "fox" }))).await;
    assert_eq!(finish(&stopped), "stop");
    let (whole, cut) = (&long["choices"][0]["text"], stopped["choices"][0]["text"].as_str().unwrap());
    assert_eq!(whole.as_str().unwrap().split("fox").next(), Some(cut));
}

#[tokio::test]
async fn prompts_and_choices_come_in_their_order() {
    let bench = Bench::free().await;
    let answer = bench.json(TEXT, text(json!({ "prompt": ["a", [1, 2, 3]], "n": 2, "max_tokens": 2 }))).await;
    let choices = answer["choices"].as_array().unwrap();
    let indexes: Vec<_> = choices.iter().map(|choice| choice["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 2, 3]);
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12 }));
    assert_eq!(answer["object"], "text_completion");
}

#[tokio::test]
async fn a_stream_says_the_same_in_parts() {
    let bench = Bench::free().await;
    let more = json!({ "n": 2, "max_tokens": 6, "stream": true, "stream_options": { "include_usage": true } });
    let parts = events(bench.post(CHAT, chat(more.clone())).await).await;
    let whole = bench.json(CHAT, chat(json!({ "n": 2, "max_tokens": 6 }))).await;
    for index in [0, 1] {
        assert_eq!(said(&parts, index), whole["choices"][index as usize]["message"]["content"].as_str().unwrap());
        let own = parts.iter().filter(|part| part["choices"][0]["index"] == index);
        let own: Vec<_> = own.map(|part| &part["choices"][0]).collect();
        assert_eq!(own[0]["delta"], json!({ "role": "assistant", "content": "" }));
        let last = own.last().unwrap();
        assert_eq!((&last["delta"], &last["finish_reason"]), (&json!({}), &json!("length")));
        assert!(own[..own.len() - 1].iter().all(|choice| choice["finish_reason"].is_null()));
    }
    let (last, before) = parts.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &whole["usage"]));
    assert!(before.iter().all(|part| part["object"] == "chat.completion.chunk" && part["usage"].is_null()));
    assert!(parts.iter().all(|part| part["id"] == parts[0]["id"]));

    let parts = events(bench.post(TEXT, text(json!({ "stream": true }))).await).await;
    let whole = bench.json(TEXT, text(json!({}))).await;
    assert_eq!(said(&parts, 0), whole["choices"][0]["text"].as_str().unwrap());
    assert!(parts.iter().all(|part| part["object"] == "text_completion" && part.get("usage").is_none()));
}

#[tokio::test]
async fn log_probabilities_have_both_forms() {
    let bench = Bench::free().await;
    let logprob = f64::from(-(8f32.ln()));
    let answer = bench.json(CHAT, chat(json!({ "logprobs": true, "top_logprobs": 2 }))).await;
    let content = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert_eq!(content.len(), 8);
    for token in content {
        let text = token["token"].as_str().unwrap();
        assert_eq!(token["bytes"], json!(text.as_bytes()));
        assert!((token["logprob"].as_f64().unwrap() - logprob).abs() < 1e-6);
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!((top.len(), &top[0]["token"]), (2, &token["token"]));
    }
    let more = json!({ "logprobs": true, "stream": true });
    let parts = events(bench.post(CHAT, chat(more)).await).await;
    let streamed = parts.iter().filter_map(|part| part["choices"][0]["logprobs"]["content"].as_array());
    let streamed: Vec<_> = streamed.flatten().map(|token| &token["token"]).collect();
    assert_eq!(streamed, content.iter().map(|token| &token["token"]).collect::<Vec<_>>());

    let whole = bench.json(TEXT, text(json!({ "logprobs": 1 }))).await;
    let (logprobs, said) = (&whole["choices"][0]["logprobs"], whole["choices"][0]["text"].as_str().unwrap());
    let tokens: Vec<_> = logprobs["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(tokens.concat(), said);
    for (token, offset) in tokens.iter().zip(logprobs["text_offset"].as_array().unwrap()) {
        assert!(said[offset.as_u64().unwrap() as usize..].starts_with(token));
    }
    assert_eq!(logprobs["top_logprobs"][0].as_object().unwrap().len(), 1);
    let parts = events(bench.post(TEXT, text(json!({ "logprobs": 1, "stream": true }))).await).await;
    let offsets = parts.iter().filter_map(|part| part["choices"][0]["logprobs"]["text_offset"].as_array());
    let offsets: Vec<_> = offsets.flatten().cloned().collect();
    assert_eq!(Value::Array(offsets), logprobs["text_offset"], "offsets go on over the parts");
}

#[tokio::test]
async fn an_answer_is_bound_to_caller_nonce_and_prompt() {
    let bench = Bench::free().await;
    let nonce = "05".repeat(32);
    let mut body = text(json!({ "assay": { "nonce": nonce, "token_ids": true, "prompt_token_ids": true }, "n": 2 }));
    body.as_object_mut().unwrap().remove("seed");
    let answer: Value = bench.signed(&bench.heavy, TEXT, body.clone()).await.json().await.unwrap();
    let bound = &answer["assay"];
    assert_eq!((&bound["sampler"], &bound["nonce"]), (&json!("gumbel-chacha8-1"), &json!(nonce)));
    assert_eq!(bound["model_digest"], "ab".repeat(32));
    let ids: Vec<u32> = b"hello".iter().copied().map(u32::from).collect();
    assert_eq!(bound["prompt_token_ids"], json!(ids));
    let params = proof::inference::Params { temperature: 1.0, ..proof::inference::Params::GREEDY };
    let digest = request_digest(&ids, &params);
    assert_eq!(bound["request_digest"], hex::encode(digest));
    let head = |caller: &Hotkey, index: u32, ids: &Value| {
        let nonce = proof::inference::choice_nonce(&[5; 32], index);
        let Identity { genesis, netuid, own } = &bench.identity;
        let seed = proof::inference::seed(genesis, *netuid, caller, own, &nonce, &digest);
        let mut chain = TokenChain::new(&seed);
        chain.extend(ids.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()));
        hex::encode(chain.head())
    };
    for index in [0, 1] {
        let choice = &answer["choices"][index as usize]["assay"];
        assert_eq!(choice["token_ids"].as_array().unwrap().len(), 8);
        assert_eq!(choice["chain"], head(&bench.heavy.hotkey(), index, &choice["token_ids"]));
        assert_ne!(choice["chain"], head(&bench.light.hotkey(), index, &choice["token_ids"]));
    }
    // The parts of a stream end at the same head.
    let parts = events(bench.signed(&bench.heavy, TEXT, merged(body, json!({ "stream": true }))).await).await;
    assert!(
        parts[0]["assay"]["request_digest"].is_string() && parts[1..].iter().all(|part| part.get("assay").is_none())
    );
    let last = parts.iter().filter(|part| part["choices"][0]["index"] == 0);
    let last = last.filter_map(|part| part["choices"][0]["assay"]["chain"].as_str()).next_back().unwrap();
    assert_eq!(last, answer["choices"][0]["assay"]["chain"]);
}

#[tokio::test]
async fn texts_are_embedded_in_both_formats() {
    let bench = Bench::free().await;
    let input = json!({ "model": "embedder", "input": ["a", "bb"] });
    let answer = bench.json("/v1/embeddings", input.clone()).await;
    assert_eq!((answer["object"].as_str(), &answer["usage"]["total_tokens"]), (Some("list"), &json!(3)));
    let vector: Vec<f32> = serde_json::from_value(answer["data"][1]["embedding"].clone()).unwrap();
    assert_eq!((vector, &answer["data"][1]["index"]), (vec![2f32.cos(), 2f32.sin()], &json!(1)));
    let packed = bench.json("/v1/embeddings", merged(input, json!({ "encoding_format": "base64" }))).await;
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed["data"][1]["embedding"].as_str().unwrap());
    assert_eq!(bytes.unwrap(), [2f32.cos().to_le_bytes(), 2f32.sin().to_le_bytes()].concat());
}

#[tokio::test]
async fn models_are_listed() {
    let bench = Bench::free().await;
    let get = async |path: &str| bench.http.get(format!("{}{path}", bench.url)).bearer_auth(KEY).send().await.unwrap();
    let list: Value = get("/v1/models").await.json().await.unwrap();
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["stub", "embedder"]);
    let one: Value = get("/v1/models/stub").await.json().await.unwrap();
    assert_eq!((&one["object"], &one["assay"]["context"]), (&json!("model"), &json!(4096)));
    assert_eq!(refusal(get("/v1/models/other").await).await, is(404, "model_not_found", Some("model")));
    let unsigned = bench.http.get(format!("{}/v1/models", bench.url)).send().await.unwrap();
    assert_eq!(refusal(unsigned).await, is(401, "missing_credentials", None));
}

#[tokio::test]
async fn errors_have_openais_form_and_status() {
    let bench = Bench::start(
        Stub::new("stub", Pace::Free, 8),
        4,
        InferenceConfig { body: 20_000, ..InferenceConfig::default() },
    )
    .await;
    let post = async |path: &str, body| refusal(bench.post(path, body).await).await;
    assert_eq!(post(CHAT, chat(json!({ "model": "other" }))).await, is(404, "model_not_found", Some("model")));
    assert_eq!(post(CHAT, chat(json!({ "model": "embedder" }))).await, is(400, "unsupported_parameter", Some("model")));
    assert_eq!(post(TEXT, text(json!({ "prompt": "" }))).await, is(400, "invalid_value", Some("prompt")));
    assert_eq!(post(CHAT, chat(json!({ "messages": [] }))).await, is(400, "invalid_value", Some("messages")));
    assert_eq!(post(CHAT, chat(json!({ "temperature": 9 }))).await, is(400, "invalid_value", Some("temperature")));
    assert_eq!(post(CHAT, chat(json!({ "tools": [1] }))).await, is(400, "unsupported_parameter", Some("tools")));
    let long = "x".repeat(5000);
    assert_eq!(post(TEXT, text(json!({ "prompt": long }))).await, is(400, "context_length_exceeded", Some("prompt")));
    let messages = json!([{ "role": "user", "content": long }]);
    for stream in [false, true] {
        let body = chat(json!({ "messages": messages, "stream": stream }));
        assert_eq!(post(CHAT, body).await, is(400, "context_length_exceeded", Some("messages")), "before the stream");
    }
    assert_eq!(post(TEXT, text(json!({ "prompt": "x".repeat(20_000) }))).await, is(413, "too_large", None));
    let embed = async |body| post("/v1/embeddings", body).await;
    let input = json!({ "model": "embedder", "input": "x", "dimensions": 5 });
    assert_eq!(embed(input).await, is(400, "unsupported_parameter", Some("dimensions")));
    assert_eq!(embed(json!({ "model": "embedder", "input": [] })).await, is(400, "invalid_value", Some("input")));
    let raw = async |bytes: &'static [u8]| {
        let request = bench.http.post(format!("{}{CHAT}", bench.url)).bearer_auth(KEY).body(bytes);
        refusal(request.send().await.unwrap()).await
    };
    assert_eq!(raw(b"{\"model\": \"\xff\"}").await, is(400, "invalid_utf8", None));
    assert_eq!(raw(b"{").await, is(400, "invalid_json", None));
    let get = bench.http.get(format!("{}{CHAT}", bench.url)).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(refusal(get).await, is(405, "method_not_allowed", None));
}

#[tokio::test]
async fn only_those_who_may_are_served() {
    let bench = Bench::free().await;
    let with = async |key: Option<&str>| {
        let request = bench.http.post(format!("{}{CHAT}", bench.url)).body(chat(json!({})).to_string());
        key.into_iter().fold(request, |request, key| request.bearer_auth(key)).send().await.unwrap()
    };
    assert_eq!(with(Some(KEY)).await.status(), 200);
    assert_eq!(refusal(with(Some("another key")).await).await, is(401, "invalid_api_key", None));
    assert_eq!(refusal(with(None).await).await, is(401, "missing_credentials", None));
    assert_eq!(bench.signed(&bench.light, CHAT, chat(json!({}))).await.status(), 200);
    let charlie = Keypair::from_uri("//Charlie").unwrap();
    assert_eq!(refusal(bench.signed(&charlie, CHAT, chat(json!({}))).await).await, is(403, "no_permit", None));
    let body = chat(json!({})).to_string().into_bytes();
    let headers = auth::sign(&bench.light, "POST", CHAT, &body, &bench.identity.own, SystemTime::now());
    let send = async |headers: axum::http::HeaderMap, body: Vec<u8>| {
        bench.http.post(format!("{}{CHAT}", bench.url)).headers(headers).body(body).send().await.unwrap()
    };
    let altered = chat(json!({ "n": 2 })).to_string().into_bytes();
    assert_eq!(refusal(send(headers.clone(), altered).await).await, is(401, "bad_signature", None));
    assert_eq!(send(headers.clone(), body.clone()).await.status(), 200);
    assert_eq!(refusal(send(headers, body).await).await, is(401, "replayed_request", None));

    let open = InferenceConfig { anyone: true, ..InferenceConfig::default() };
    let bench = Bench::start(Stub::new("stub", Pace::Free, 8), 4, open).await;
    let request = bench.http.post(format!("{}{CHAT}", bench.url)).body(chat(json!({})).to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_slot_and_its_place() {
    let gate = Arc::new(Semaphore::new(0));
    let bench = Bench::start(Stub::new("stub", Pace::Gated(Arc::clone(&gate)), 8), 1, InferenceConfig::default()).await;
    let mut running = bench.stub.running();
    let queue = Arc::clone(&bench.service.model("stub").unwrap().queue);
    // One that streams, one that waits for everything, one that waits in the queue.
    for stream in [true, false] {
        let first = tokio::spawn(bench.request(CHAT, &chat(json!({ "stream": stream }))).send());
        running.wait_for(|running| *running == 1).await.unwrap();
        assert_eq!(queue.running(), 1);
        let second = tokio::spawn(bench.request(CHAT, &chat(json!({ "stream": stream }))).send());
        while queue.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        second.abort();
        while queue.waiting() == 1 {
            tokio::task::yield_now().await;
        }
        if stream {
            drop(first.await.unwrap().unwrap());
        } else {
            first.abort();
        }
        running.wait_for(|running| *running == 0).await.unwrap();
        while queue.running() == 1 {
            tokio::task::yield_now().await;
        }
    }
    gate.add_permits(1000);
    assert_eq!(bench.post(CHAT, chat(json!({}))).await.status(), 200);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let gate = Arc::new(Semaphore::new(0));
    let config = InferenceConfig { queue: 1, ..InferenceConfig::default() };
    let bench = Bench::start(Stub::new("stub", Pace::Gated(Arc::clone(&gate)), 8), 1, config).await;
    let queue = Arc::clone(&bench.service.model("stub").unwrap().queue);
    let both = json!({ "n": 2, "max_tokens": 2 });
    let first = tokio::spawn(bench.request(CHAT, &chat(both)).send());
    while queue.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = bench.post(CHAT, chat(json!({}))).await;
    let after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(refusal(refused).await, is(429, "rate_limit_exceeded", None));
    gate.add_permits(4);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_who_waits_at_the_end_too() {
    let gate = Arc::new(Semaphore::new(0));
    let config = InferenceConfig { deadline: 1, ..InferenceConfig::default() };
    let bench = Bench::start(Stub::new("stub", Pace::Gated(Arc::clone(&gate)), 8), 1, config).await;
    let first = tokio::spawn(bench.request(CHAT, &chat(json!({ "stream": true }))).send());
    bench.stub.running().wait_for(|running| *running == 1).await.unwrap();
    let late = bench.post(CHAT, chat(json!({}))).await;
    assert!(late.headers().contains_key("retry-after"));
    assert_eq!(refusal(late).await, is(429, "queue_timeout", None));
    bench.service.close();
    assert_eq!(refusal(bench.post(CHAT, chat(json!({}))).await).await, is(503, "shutting_down", None));
    // Who is being answered is answered.
    gate.add_permits(1000);
    assert_eq!(said(&events(first.await.unwrap().unwrap()).await, 0).split_whitespace().count(), 8);
}

/// Two validators that always have requests waiting, with stakes 3 : 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saturating_validators_are_served_by_stake() {
    let gate = Arc::new(Semaphore::new(0));
    let bench = Bench::start(Stub::new("stub", Pace::Gated(Arc::clone(&gate)), 4), 2, InferenceConfig::default()).await;
    let queue = Arc::clone(&bench.service.model("stub").unwrap().queue);
    let bench = Arc::new(bench);
    let (served, mut results) = tokio::sync::mpsc::unbounded_channel();
    for (heavy, callers) in [(true, 24), (false, 24)] {
        for number in 0..callers {
            let (bench, served) = (Arc::clone(&bench), served.clone());
            tokio::spawn(async move {
                for turn in 0.. {
                    let key = if heavy { &bench.heavy } else { &bench.light };
                    let body = text(json!({ "seed": number * 1000 + turn, "max_tokens": 1 }));
                    let answer = bench.signed(key, TEXT, body).await;
                    if answer.status() != 200 || served.send(heavy).is_err() {
                        return;
                    }
                }
            });
        }
    }
    let mut counts = [0u32; 2];
    for _ in 0..240 {
        // Nobody is served before both have requests waiting again.
        while queue.waiting() < 46 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(1);
        counts[usize::from(results.recv().await.unwrap())] += 1;
    }
    let [light, heavy] = counts.map(f64::from);
    let ratio = heavy / light;
    assert!((2.7..=3.3).contains(&ratio), "{heavy} : {light}");
}
