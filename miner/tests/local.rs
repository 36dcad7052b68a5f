//! A model of this process's engine behind the seam: a small one with random weights, loaded from its files.

use std::sync::Arc;

use engine::generation::{Finish, Token};
use engine::synthetic::{self, Precision, Recipe};
use futures_util::future::join_all;
use incentive::units::{Hotkey, NetUid};
use miner::inference::backend::{Backend, BackendError, Completion, Delta, Logprob, Prompt};
use miner::inference::config::{LocalModel, ModelConfig};
use miner::inference::{Identity, models};
use serde_json::json;
use tempfile::TempDir;

const IDENTITY: Identity = Identity { genesis: [1; 32], netuid: NetUid(2), own: Hotkey([3; 32]) };

/// The model with four slots, and the folder that holds it.
async fn model(identity: Identity) -> (Arc<dyn Backend>, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("tiny");
    synthetic::tiny(&path, Recipe { seed: 1, precision: Precision::F32 }).unwrap();
    let local = LocalModel { slots: 4, context: Some(128), ..LocalModel::new("tiny", path) };
    (models::one(&ModelConfig::Local(local), identity).await.unwrap(), home)
}

fn ask(prompt: &str) -> Completion {
    Completion {
        prompt: Prompt::Text(prompt.to_owned()),
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        max_tokens: Some(24),
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: None,
        fingerprint: false,
        caller: Hotkey([4; 32]),
        nonce: [5; 32],
    }
}

/// A whole answer.
#[derive(Debug, PartialEq)]
struct Answer {
    prompt: Vec<u32>,
    text: String,
    tokens: Vec<Token>,
    logprobs: Vec<Logprob>,
    finish: Finish,
}

async fn answer(backend: &dyn Backend, completion: Completion) -> Answer {
    let mut deltas = backend.complete(completion).await.unwrap();
    let Some(Ok(Delta::Begin { prompt_tokens, prompt_ids })) = deltas.recv().await else { panic!("no beginning") };
    assert_eq!(prompt_tokens, prompt_ids.len());
    let (mut text, mut all, mut named) = (String::new(), Vec::new(), Vec::new());
    while let Some(delta) = deltas.recv().await {
        match delta.unwrap() {
            Delta::Begin { .. } | Delta::Fingerprint(_) => panic!("nobody asked for that"),
            Delta::Text { text: more, tokens, logprobs } => {
                text += &more;
                all.extend(tokens);
                named.extend(logprobs);
            }
            Delta::End { finish, tokens } => {
                assert_eq!(tokens, all.len());
                return Answer { prompt: prompt_ids, text, tokens: all, logprobs: named, finish };
            }
        }
    }
    panic!("broke off")
}

#[tokio::test]
async fn an_answer_follows_from_prompt_nonce_caller_and_miner_alone() {
    let (backend, _home) = model(IDENTITY).await;
    let first = answer(backend.as_ref(), ask("hello")).await;
    assert_eq!((first.tokens.len(), first.finish), (24, Finish::Length));
    // Beside others, which fill the slots, and once more alone.
    let others = (0..7).map(|number: u8| Completion { nonce: [number; 32], ..ask("hello") });
    let together = join_all(others.map(|one| answer(backend.as_ref(), one))).await;
    assert_eq!(together[5], first);
    assert_eq!(
        together.iter().filter(|other| other.tokens == first.tokens).count(),
        1,
        "another nonce, another answer"
    );
    let by_ids = Completion { prompt: Prompt::Tokens(first.prompt.clone()), ..ask("") };
    assert_eq!(answer(backend.as_ref(), by_ids).await, first);
    let caller = Completion { caller: Hotkey([9; 32]), ..ask("hello") };
    assert_ne!(answer(backend.as_ref(), caller).await.tokens, first.tokens);
    let (elsewhere, _home) = model(Identity { own: Hotkey([8; 32]), ..IDENTITY }).await;
    assert_ne!(answer(elsewhere.as_ref(), ask("hello")).await.tokens, first.tokens);
}

#[tokio::test]
async fn a_stop_text_ends_an_answer_and_is_not_shown() {
    let (backend, _home) = model(IDENTITY).await;
    let whole = answer(backend.as_ref(), ask("once")).await;
    let middle = whole.text.char_indices().nth(whole.text.chars().count() / 2).unwrap().0;
    let stop: String = whole.text[middle..].chars().take(2).collect();
    let cut = answer(backend.as_ref(), Completion { stop: vec![stop.clone()], ..ask("once") }).await;
    assert_eq!(Some(cut.text.as_str()), whole.text.split(&stop).next());
    assert_eq!(cut.finish, Finish::Stop);
    assert_eq!(cut.tokens, whole.tokens[..cut.tokens.len()], "tokens up to the stop text");
}

#[tokio::test]
async fn log_probabilities_come_with_the_text_of_their_tokens() {
    let (backend, _home) = model(IDENTITY).await;
    let found = answer(backend.as_ref(), Completion { logprobs: Some(3), temperature: 0.0, ..ask("x") }).await;
    assert_eq!((found.logprobs.len(), found.tokens.len()), (24, 24));
    for (named, token) in found.logprobs.iter().zip(&found.tokens) {
        assert_eq!((named.logprob, named.top.len(), token.top.len()), (token.logprob, 3, 3));
        assert_eq!(named.top[0], (named.bytes.clone(), named.logprob), "the most probable is taken");
    }
    let bytes: Vec<u8> = found.logprobs.iter().flat_map(|token| token.bytes.clone()).collect();
    assert_eq!(String::from_utf8_lossy(&bytes), found.text);
    assert_eq!(answer(backend.as_ref(), ask("x")).await.logprobs, [], "not asked for");
}

#[tokio::test]
async fn what_cannot_be_answered_names_its_parameter() {
    let (backend, _home) = model(IDENTITY).await;
    for (completion, name, expected) in [
        (ask(&"long ".repeat(500)), "prompt", "context_length_exceeded"),
        (Completion { max_tokens: Some(128), ..ask("x") }, "prompt", "context_length_exceeded"),
        (Completion { prompt: Prompt::Tokens(vec![u32::MAX]), ..ask("") }, "prompt", "invalid_value"),
        (Completion { prompt: Prompt::Tokens(Vec::new()), ..ask("") }, "prompt", "invalid_value"),
        (Completion { prompt: Prompt::Chat(vec![json!({ "role": 5 })]), ..ask("") }, "messages", "invalid_value"),
    ] {
        let Err(BackendError::Invalid { parameter, code, .. }) = backend.complete(completion).await else {
            panic!("{expected}")
        };
        assert_eq!((parameter, code), (name, expected));
    }
    assert!(backend.embed(vec![Prompt::Text("x".into())]).await.is_err());
}

#[tokio::test]
async fn an_answer_that_nobody_reads_any_longer_gives_its_slot_back() {
    let (backend, _home) = model(IDENTITY).await;
    for _ in 0..32 {
        let mut deltas = backend.complete(Completion { max_tokens: Some(100), ..ask("x") }).await.unwrap();
        deltas.recv().await.unwrap().unwrap();
    }
    // With a slot lost by each, nobody would answer any more.
    assert_eq!(answer(backend.as_ref(), ask("y")).await.tokens.len(), 24);
}
