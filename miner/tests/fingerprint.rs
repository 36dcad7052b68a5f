//! Fingerprints over HTTP: those of an answer are those that a prefill of the same ids has, however the answer ends.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::model::{Decoder, Segment, Want};
use engine::synthetic::{Precision, Recipe, tiny};
use engine::text::Text;
use engine::{LoadOptions, Loaded};
use incentive::units::{Block, Hotkey, NetUid};
use miner::inference::Identity;
use miner::inference::access::{Access, Keys};
use miner::inference::backend::Backend;
use miner::inference::config::InferenceConfig;
use miner::inference::local::Local;
use miner::inference::metrics::Metrics;
use miner::inference::service::Service;
use miner::inference::stub::{Pace, Stub};
use miner::serve::{Door, serve};
use miner::view::View;
use neuron_common::chain::{BlockRef, Snapshot};
use proof::fingerprint::{CHUNK, Distance, FINGERPRINT, Fingerprint, bf16};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const NONE: Distance = Distance { exponents: 0, signs: 0, mean: 0, median: 0 };

/// A miner that serves a tiny model to anyone, and a backend without states.
struct Bench {
    url: String,
    home: TempDir,
    stop: CancellationToken,
    _view: watch::Sender<View>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The tiny model of this seed, and the text half.
fn model(home: &TempDir, seed: u64, slots: usize) -> (Box<dyn Decoder>, Text) {
    let path = home.path().join(seed.to_string());
    if !path.exists() {
        tiny(&path, Recipe { seed, precision: Precision::Bf16 }).unwrap();
    }
    let options = LoadOptions { slots, context: Some(512), ..LoadOptions::default() };
    let Loaded { decoder, .. } = engine::load(&path, &options).unwrap();
    (decoder, Text::load(&path).unwrap())
}

fn snapshot() -> Snapshot {
    Snapshot {
        block: BlockRef { number: Block(100), hash: [7; 32] },
        netuid: NetUid(3),
        tempo: 20,
        last_epoch_block: Block(90),
        epoch_index: 1,
        weights_rate_limit: 0,
        weights_version_key: 0,
        commit_reveal: false,
        owner_uid: None,
        neurons: Vec::new(),
    }
}

impl Bench {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let identity = Identity { genesis: [9; 32], netuid: NetUid(3), own: Hotkey([8; 32]) };
        let (decoder, text) = model(&home, 1, 4);
        let local = Local::new("tiny", text, decoder, identity).unwrap();
        let models: Vec<(Arc<dyn Backend>, usize)> =
            vec![(Arc::new(local), 4), (Arc::new(Stub::new("stub", Pace::Free, 8)), 4)];
        let config = InferenceConfig::default();
        let (view, receiver) = watch::channel(View { snapshot: Arc::new(snapshot()), window: None });
        let access = Access::new(identity.own, receiver, Keys::default(), true, 1);
        let service = Service::new(&config, models, access, identity, Metrics::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/completions", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let metrics = miner::metrics::Metrics::default();
        tokio::spawn(serve(listener, service.routes(), Door::new(64), metrics, stop.clone()));
        Self { url, home, stop, _view: view }
    }

    async fn post(&self, more: Value) -> Response {
        let assay = json!({ "token_ids": true, "prompt_token_ids": true, "fingerprint": true });
        let mut body =
            json!({ "model": "tiny", "prompt": "once upon a time", "seed": 7, "ignore_eos": true, "assay": assay });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let http = Client::builder().no_proxy().build().unwrap();
        http.post(&self.url).body(body.to_string()).send().await.unwrap()
    }

    async fn whole(&self, more: Value) -> Value {
        let response = self.post(more).await;
        let (status, value) = (response.status(), response.json::<Value>().await.unwrap());
        assert_eq!(status, 200, "{value}");
        value
    }

    /// How far an answer's fingerprints lie from what the model of this seed says of its tokens.
    fn distances(&self, seed: u64, answer: &Value, choice: usize) -> Option<Vec<Distance>> {
        let (mut decoder, _) = model(&self.home, seed, 1);
        let choice = &answer["choices"][choice]["assay"];
        let rows = rows(&mut *decoder, &ids(&answer["assay"]["prompt_token_ids"]), &ids(&choice["token_ids"]));
        let (claimed, own) = (fingerprints(&choice["fingerprint"]), rows.chunks(CHUNK * decoder.info().hidden));
        (claimed.len() == own.len())
            .then(|| claimed.iter().zip(own).map(|(claimed, own)| claimed.distance(own)).collect())
    }
}

/// The states from which the answer's tokens are chosen, by one prefill.
fn rows(decoder: &mut dyn Decoder, prompt: &[u32], answer: &[u32]) -> Vec<u16> {
    let ids = [prompt, answer].concat();
    let hidden = decoder.info().hidden;
    let output = decoder.forward(&[Segment { slot: 0, ids: &ids, want: Want::All }]).unwrap().remove(0);
    output.hidden[(prompt.len() - 1) * hidden..(ids.len() - 1) * hidden].iter().copied().map(bf16).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn fingerprints(list: &Value) -> Vec<Fingerprint> {
    let read = |text: &Value| Fingerprint::from_bytes(&STANDARD.decode(text.as_str().unwrap()).unwrap()).unwrap();
    list.as_array().unwrap().iter().map(read).collect()
}

/// The events of a stream, without the `[DONE]` that must be its last.
async fn events(response: Response) -> Vec<Value> {
    let text = response.text().await.unwrap();
    let mut events: Vec<_> = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

#[tokio::test]
async fn an_answer_has_the_fingerprints_of_its_prefill() {
    let bench = Bench::start().await;
    for length in [1, CHUNK - 1, CHUNK, 2 * CHUNK + 5] {
        let answer = bench.whole(json!({ "max_tokens": length, "n": 3 })).await;
        assert_eq!(answer["assay"]["fingerprint"], FINGERPRINT);
        for choice in 0..3 {
            let found = bench.distances(1, &answer, choice);
            assert_eq!(found, Some(vec![NONE; length.div_ceil(CHUNK)]), "{length} tokens");
        }
    }
}

#[tokio::test]
async fn another_models_states_are_far() {
    let bench = Bench::start().await;
    let answer = bench.whole(json!({ "max_tokens": 3 * CHUNK })).await;
    let found = bench.distances(2, &answer, 0).unwrap();
    assert!(found.iter().all(|distance| !distance.within(38, 10_000, 8)), "{found:?}");
}

#[tokio::test]
async fn a_stream_brings_each_with_the_token_that_completes_it() {
    let bench = Bench::start().await;
    let more = json!({ "max_tokens": 2 * CHUNK + 5 });
    let whole = bench.whole(more.clone()).await;
    let mut stream = more;
    stream.as_object_mut().unwrap().insert("stream".into(), true.into());
    let (mut seen, mut read, mut last) = (0, Vec::new(), Value::Null);
    for event in events(bench.post(stream).await).await {
        let choice = &event["choices"][0];
        seen += choice["assay"]["token_ids"].as_array().map_or(0, Vec::len);
        if let Some(list) = choice["assay"]["fingerprint"].as_array() {
            assert!(seen % CHUNK == 0 || choice["finish_reason"] == "length", "{seen} tokens");
            assert_eq!(list.len(), 1);
            read.extend(list.iter().cloned());
        }
        last = choice["finish_reason"].clone();
    }
    assert_eq!((seen, last), (2 * CHUNK + 5, json!("length")));
    assert_eq!(Value::Array(read), whole["choices"][0]["assay"]["fingerprint"]);
}

/// A stop text ends the answer before the engine does: what was sent has its fingerprint all the same.
#[tokio::test]
async fn an_answer_that_a_text_stops_is_fingerprinted_to_its_last_token() {
    let bench = Bench::start().await;
    let whole = bench.whole(json!({ "max_tokens": 2 * CHUNK })).await;
    let text = whole["choices"][0]["text"].as_str().unwrap();
    let middle: Vec<char> = text.chars().collect();
    let stop: String = middle[middle.len() / 2..].iter().take(4).collect();
    let answer = bench.whole(json!({ "max_tokens": 2 * CHUNK, "stop": stop })).await;
    let sent = ids(&answer["choices"][0]["assay"]["token_ids"]).len();
    assert!(sent < 2 * CHUNK && answer["choices"][0]["finish_reason"] == "stop", "{sent} tokens");
    assert_eq!(bench.distances(1, &answer, 0), Some(vec![NONE; sent.div_ceil(CHUNK)]));
}

#[tokio::test]
async fn where_there_are_none_it_is_said() {
    let bench = Bench::start().await;
    let answer = bench.whole(json!({ "model": "stub", "max_tokens": 40 })).await;
    assert_eq!(answer["assay"]["fingerprint"], Value::Null);
    assert!(answer["assay"].as_object().unwrap().contains_key("fingerprint"));
    assert_eq!(answer["choices"][0]["assay"].get("fingerprint"), None);
    // Who does not ask sees nothing of it, and fingerprints do without ids.
    let answer = bench.whole(json!({ "max_tokens": 40, "assay": {} })).await;
    assert_eq!((answer["assay"].get("fingerprint"), answer["choices"][0].get("assay")), (None, None));
    let answer = bench.whole(json!({ "max_tokens": 40, "assay": { "fingerprint": true } })).await;
    let own = answer["choices"][0]["assay"].as_object().unwrap();
    assert_eq!((own.len(), own["fingerprint"].as_array().unwrap().len()), (1, 2));
}

/// Whatever stands beside it.
#[tokio::test]
async fn a_full_miner_gives_the_same_fingerprints() {
    let bench = Bench::start().await;
    let alone = bench.whole(json!({ "max_tokens": 50 })).await;
    let others =
        (0..6).map(|n| bench.whole(json!({ "max_tokens": 40 + n, "prompt": format!("{n}: something else"), "n": 2 })));
    let (again, others) =
        tokio::join!(bench.whole(json!({ "max_tokens": 50 })), futures_util::future::join_all(others));
    assert_eq!(again["choices"], alone["choices"]);
    assert!(
        others.iter().all(|answer| bench.distances(1, answer, 1).is_some_and(|all| all.iter().all(|one| *one == NONE)))
    );
}
