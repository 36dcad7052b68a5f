//! What is read of requests, without a server.

use proof::inference::{choice_nonce, nonce_of_seed};
use serde_json::{Value, json};

use super::request::{Asked, Assay, Form};
use super::{ApiError, Fields};
use crate::inference::backend::Prompt;

fn fields(mut members: Value, form: Form) -> Fields {
    let default = match form {
        Form::Chat => json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }),
        Form::Text => json!({ "model": "m", "prompt": "hi" }),
    };
    for (name, value) in default.as_object().unwrap() {
        members.as_object_mut().unwrap().entry(name).or_insert(value.clone());
    }
    Fields::parse(members.to_string().as_bytes()).unwrap()
}

fn chat(members: Value) -> Result<Asked, ApiError> {
    Asked::read(Form::Chat, &fields(members, Form::Chat))
}

fn text(members: Value) -> Result<Asked, ApiError> {
    Asked::read(Form::Text, &fields(members, Form::Text))
}

/// Code and parameter of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> (String, String) {
    let error: Value = serde_json::from_slice(&outcome.unwrap_err().json()).unwrap();
    let error = &error["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    (error["code"].as_str().unwrap().to_owned(), error["param"].as_str().unwrap_or("null").to_owned())
}

fn is(code: &str, param: &str) -> (String, String) {
    (code.to_owned(), param.to_owned())
}

#[test]
fn what_is_not_known_is_passed_over() {
    let asked = chat(json!({ "user": "u", "metadata": { "a": 1 }, "store": true, "x": [[]], "service_tier": "auto" }));
    assert_eq!(asked.unwrap().choices, 1);
}

#[test]
fn what_would_change_the_answer_is_refused_by_name() {
    for (name, value) in [
        ("tools", json!([{ "type": "function" }])),
        ("tool_choice", json!("required")),
        ("functions", json!([{}])),
        ("response_format", json!({ "type": "json_schema" })),
        ("logit_bias", json!({ "1": 2 })),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({ "voice": "x" })),
        ("min_p", json!(0.1)),
        ("repetition_penalty", json!(1.1)),
        ("reasoning_effort", json!("high")),
        ("prediction", json!({ "content": "x" })),
    ] {
        assert_eq!(refusal(chat(json!({ name: value }))), is("unsupported_parameter", name));
    }
    for (name, value) in [("echo", json!(true)), ("suffix", json!("x")), ("best_of", json!(2))] {
        assert_eq!(refusal(text(json!({ name: value }))), is("unsupported_parameter", name));
    }
    for (name, value) in [
        ("tools", json!([])),
        ("tool_choice", json!("none")),
        ("response_format", json!({ "type": "text" })),
        ("logit_bias", json!({})),
        ("modalities", json!(["text"])),
        ("min_p", json!(0.0)),
        ("repetition_penalty", json!(1.0)),
        ("echo", json!(false)),
        ("best_of", json!(1)),
        ("suffix", Value::Null),
    ] {
        text(json!({ name: value })).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[test]
fn wrong_values_name_their_parameter() {
    let long = "x".repeat(2000);
    for (name, value) in [
        ("temperature", json!("hot")),
        ("temperature", json!(2.1)),
        ("temperature", json!(-1)),
        ("temperature", json!(1e300)),
        ("top_p", json!(0)),
        ("presence_penalty", json!(3)),
        ("frequency_penalty", json!(-3)),
        ("top_k", json!(-2)),
        ("top_k", json!(1u64 << 40)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(-1)),
        ("max_tokens", json!(1.5)),
        ("n", json!(0)),
        ("seed", json!("x")),
        ("stop", json!(["a", "b", "c", "d", "e"])),
        ("stop", json!([""])),
        ("stop", json!(long)),
        ("stop", json!(5)),
        ("stream", json!("yes")),
        ("stream_options", json!({ "include_usage": true })),
        ("ignore_eos", json!(1)),
        ("logprobs", json!(5)),
        ("top_logprobs", json!(5)),
        ("messages", json!([])),
        ("messages", json!("hi")),
        ("model", json!(5)),
        ("assay", json!([])),
        ("assay", json!({ "seed": "00" })),
        ("assay", json!({ "nonce": "00" })),
        ("assay", json!({ "nonce": "AB".repeat(32) })),
        ("assay", json!({ "token_ids": 1 })),
        ("assay", json!({ "fingerprint": "yes" })),
    ] {
        assert_eq!(refusal(chat(json!({ name: value.clone() }))), is("invalid_value", name), "{value}");
    }
    for value in
        [json!(""), json!([]), json!([""]), json!([[]]), json!([1, -1]), json!([1, "a"]), json!({}), json!([1e9])]
    {
        assert_eq!(refusal(text(json!({ "prompt": value.clone() }))), is("invalid_value", "prompt"), "{value}");
    }
    let message = |message: Value| refusal(chat(json!({ "messages": [message] })));
    assert_eq!(message(json!({ "role": "tool", "content": "x" })), is("unsupported_parameter", "messages[0]"));
    assert_eq!(message(json!({ "role": "king", "content": "x" })), is("invalid_value", "messages[0].role"));
    let image = json!({ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "x" } }] });
    assert_eq!(message(image), is("unsupported_parameter", "messages[0].content"));
    assert_eq!(refusal(chat(json!({ "n": 9 }))), is("unsupported_parameter", "n"));
    assert_eq!(refusal(text(json!({ "n": 8, "prompt": vec!["a"; 9] }))), is("unsupported_parameter", "n"));
    let both = json!({ "max_tokens": 1, "max_completion_tokens": 2 });
    assert_eq!(refusal(chat(both)), is("invalid_value", "max_tokens"));
    let both = json!({ "seed": 1, "assay": { "nonce": "00".repeat(32) } });
    assert_eq!(refusal(chat(both)), is("invalid_value", "seed"));
}

#[test]
fn what_is_no_json_object_is_said_without_quoting_it() {
    for (body, code) in [
        (&b"\xff\xfe{}"[..], "invalid_utf8"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"", "invalid_json"),
        (br#"{"a": "\ud800"}"#, "invalid_json"),
        ("[".repeat(100_000).as_bytes(), "invalid_json"),
    ] {
        assert_eq!(refusal(Fields::parse(body)), is(code, "null"));
    }
}

#[test]
fn the_nonce_is_given_or_of_the_seed_or_drawn() {
    let given = chat(json!({ "assay": { "nonce": "07".repeat(32), "token_ids": true } })).unwrap();
    assert_eq!((given.how.nonce, given.assay), ([7; 32], Some(Assay { token_ids: true, ..Assay::default() })));
    assert_eq!(chat(json!({ "seed": -5 })).unwrap().how.nonce, nonce_of_seed(-5));
    assert_ne!(chat(json!({})).unwrap().how.nonce, chat(json!({})).unwrap().how.nonce);
}

#[test]
fn every_answer_has_a_nonce_of_its_own_in_the_order_of_the_index() {
    let asked = text(json!({ "prompt": ["a", [1, 2]], "n": 2, "seed": 1 })).unwrap();
    let completions: Vec<_> = asked.completions(incentive::units::Hotkey([3; 32])).collect();
    let prompts: Vec<_> = completions.iter().map(|one| one.prompt.clone()).collect();
    let (first, second) = (Prompt::Text("a".into()), Prompt::Tokens(vec![1, 2]));
    assert_eq!(prompts, [first.clone(), first, second.clone(), second]);
    for (index, completion) in (0..).zip(&completions) {
        assert_eq!(completion.nonce, choice_nonce(&nonce_of_seed(1), index));
    }
}

#[test]
fn both_forms_have_their_defaults() {
    let (chat, text) = (chat(json!({})).unwrap(), text(json!({})).unwrap());
    assert_eq!((chat.how.max_tokens, text.how.max_tokens), (None, Some(16)));
    assert_eq!((chat.how.temperature, chat.how.top_p, chat.how.top_k), (1.0, 1.0, 0));
    assert_eq!((chat.how.logprobs, text.how.logprobs), (None, None));
}

#[test]
fn log_probabilities_are_asked_for_in_two_ways() {
    let of = |asked: Result<Asked, ApiError>| asked.unwrap().how.logprobs;
    assert_eq!(of(chat(json!({ "logprobs": true }))), Some(0));
    assert_eq!(of(chat(json!({ "logprobs": true, "top_logprobs": 3 }))), Some(3));
    assert_eq!(of(chat(json!({ "logprobs": false, "top_logprobs": 0 }))), None);
    assert_eq!(of(text(json!({ "logprobs": 2 }))), Some(2));
}

#[test]
fn messages_are_reduced_to_role_and_text() {
    let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    let messages = json!([{ "role": "developer", "content": "s", "name": "x" }, { "role": "user", "content": parts }]);
    let asked = chat(json!({ "messages": messages })).unwrap();
    let expected = [json!({ "role": "system", "content": "s" }), json!({ "role": "user", "content": "a\nb" })];
    assert_eq!(asked.prompts, [Prompt::Chat(expected.to_vec())]);
}
