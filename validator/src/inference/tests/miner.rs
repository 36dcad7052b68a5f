//! A miner on loopback: a real decoder behind a small server that keeps to the protocol, or not.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use engine::generation::{Event, Finish, Generation, Sampling};
use engine::model::{LoadOptions, load};
use engine::scheduler::{Limits, Scheduler};
use engine::text::Text;
use incentive::units::{Hotkey, Uid};
use neuron_common::keystore::Keypair;
use proof::inference::{Params, SAMPLER, TokenChain, request_digest, seed};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{GENESIS, NETUID};
use crate::dispatch::Target;

/// How it behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Honest,
    /// Has another model, and says that it is this one.
    OtherWeights,
    /// Has no model.
    NotServed,
    /// Takes no request.
    Busy,
    /// Holds all tokens back and lets them go at once, too late.
    Burst,
    /// Passes on what was computed under another hotkey.
    Relay,
    /// The same, with a chain of its own.
    RelayBound,
    /// Ends after three tokens and says that there were to be no more.
    Short,
    /// Ends after three tokens and says that the model ended.
    Stops,
}

/// A miner that listens.
pub struct Miner {
    manner: Manner,
    own: Hotkey,
    validator: Hotkey,
    scheduler: Scheduler,
    text: Text,
    digest: [u8; 32],
    context: usize,
}

impl Miner {
    /// Starts it, with the model in `folder` or in `other`; it says that it is the one with this digest.
    pub async fn serve(
        manner: Manner,
        uid: u16,
        validator: Hotkey,
        folder: &Path,
        other: &Path,
        digest: [u8; 32],
    ) -> Target {
        let own = Keypair::generate().unwrap().hotkey();
        let path = if manner == Manner::OtherWeights { other } else { folder };
        let decoder = load(path, &LoadOptions { slots: 4, ..LoadOptions::default() }).unwrap().decoder;
        let (context, text) = (decoder.info().context, Text::load(path).unwrap());
        let scheduler = Scheduler::start(decoder, Limits::default()).unwrap();
        let miner = Arc::new(Self { manner, own, validator, scheduler, text, digest, context });
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/v1/completions", post(answer))
            .with_state(miner);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Target { uid: Uid(uid), hotkey: own, address }
    }

    fn prompt(&self, body: &Value) -> Vec<u32> {
        match body["messages"].as_array() {
            Some(messages) => self.text.chat(messages).unwrap(),
            None => self.text.encode(body["prompt"].as_str().unwrap(), true).unwrap(),
        }
    }
}

async fn answer(State(miner): State<Arc<Miner>>, body: Bytes) -> Response {
    match miner.manner {
        Manner::NotServed => return StatusCode::NOT_FOUND.into_response(),
        Manner::Busy => return StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => {}
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let number = |key: &str, absent: f64| body[key].as_f64().unwrap_or(absent) as f32;
    let params = Params {
        temperature: number("temperature", 1.0),
        top_k: body["top_k"].as_u64().unwrap_or(0) as u32,
        top_p: number("top_p", 1.0),
        presence_penalty: number("presence_penalty", 0.0),
        frequency_penalty: number("frequency_penalty", 0.0),
    };
    let prompt = miner.prompt(&body);
    let request = request_digest(&prompt, &params);
    let mut nonce = [0; 32];
    hex::decode_to_slice(body["assay"]["nonce"].as_str().unwrap(), &mut nonce).unwrap();
    let of = |own: &Hotkey| seed(&GENESIS, NETUID, &miner.validator, own, &nonce, &request);
    let (honest, stranger) = (of(&miner.own), of(&Hotkey([9; 32])));
    let relayed = matches!(miner.manner, Manner::Relay | Manner::RelayBound);
    let asked = body["max_tokens"].as_u64().map_or(miner.context - prompt.len(), |most| most as usize);
    let short = matches!(miner.manner, Manner::Short | Manner::Stops);
    let generation = Generation {
        sampling: Sampling::seeded(&params, if relayed { stranger } else { honest }),
        prompt,
        max_tokens: if short { 3 } else { asked },
        stop: miner.text.stop_tokens().to_vec(),
        top_logprobs: 0,
        states: false,
    };
    let chain = TokenChain::new(if miner.manner == Manner::Relay { &stranger } else { &honest });
    let binding = json!({"choices": [], "assay": {
        "sampler": SAMPLER,
        "nonce": hex::encode(nonce),
        "request_digest": hex::encode(request),
        "model_digest": hex::encode(miner.digest),
    }});
    let (events, stream) = mpsc::channel::<Bytes>(1024);
    tokio::spawn(run(miner, generation, chain, binding, events));
    let stream = futures_util::stream::unfold(stream, |mut stream| async move {
        stream.recv().await.map(|event| (Ok::<_, Infallible>(event), stream))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn run(
    miner: Arc<Miner>,
    generation: Generation,
    mut chain: TokenChain,
    binding: Value,
    events: mpsc::Sender<Bytes>,
) {
    let send = async |value: &Value| events.send(format!("data: {value}\n\n").into()).await.is_ok();
    let mut tokens = miner.scheduler.submit(generation).unwrap();
    if miner.manner == Manner::Burst {
        // What it is about, and not a wait for anything.
        tokio::time::sleep(Duration::from_millis(super::HOLD_MS as u64 * 3 / 4)).await;
    }
    send(&binding).await;
    while let Some(Ok(event)) = tokens.recv().await {
        let choice = match event {
            Event::Token { token, .. } => {
                json!({"assay": {"token_ids": [token.id], "chain": hex::encode(chain.push(token.id))}})
            }
            Event::End(finish) => {
                let stops = finish == Finish::Stop || miner.manner == Manner::Stops;
                json!({"finish_reason": if stops { "stop" } else { "length" }})
            }
        };
        if !send(&json!({"choices": [choice]})).await {
            return;
        }
    }
}
