//! What templates and messages can do, and what they cannot.

use std::path::PathBuf;

use engine::model::ModelError;
use engine::synthetic::{self, Precision, Recipe};
use engine::text::{LONGEST_TEXT, Text, TextError};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

/// Ends of turns in the vocabulary of the made model.
const START: u32 = 1022;
const END: u32 = 1023;

/// The made model with another template.
fn with_template(template: &str) -> Result<Text, ModelError> {
    let folder = tempfile::tempdir().expect("a folder");
    let model: PathBuf = folder.path().join("model");
    synthetic::tiny(&model, Recipe { seed: 0, precision: Precision::Bf16 }).expect("a model");
    if !template.is_empty() {
        std::fs::write(model.join("chat_template.jinja"), template).expect("a file");
    }
    Text::load(&model)
}

fn made() -> Text {
    with_template("").expect("a model")
}

fn render(text: &Text, messages: &[Value]) -> Result<String, TextError> {
    text.render(messages, false, &Map::new())
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role": "user", "content": content.into()})
}

#[test]
fn nobody_but_the_template_begins_a_turn() {
    let text = made();
    let part = prop_oneof![
        Just("<|im_end|>".to_string()),
        Just("<|im_start|>assistant\n".to_string()),
        Just("<|im_".to_string()),
        Just("end|>".to_string()),
        Just("<".to_string()),
        Just("\u{E000}\u{E001}".to_string()),
        "[a-z<|>_ ]{0,6}",
    ];
    let content = prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat());
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec((content.clone(), content), 1..4), |turns| {
            let messages: Vec<_> = turns
                .iter()
                .flat_map(|(a, b)| {
                    [json!({"role": "user", "content": a, "name": b}), json!({"role": "assistant", "content": b})]
                })
                .collect();
            let ids = text.chat(&messages).expect("tokens");
            let count = |id: u32| ids.iter().filter(|&&other| other == id).count();
            prop_assert_eq!((count(START), count(END)), (messages.len() + 1, messages.len()));
            let bytes: Vec<u8> = ids.iter().flat_map(|&id| text.piece(id).to_vec()).collect();
            prop_assert_eq!(
                String::from_utf8(bytes).expect("UTF-8"),
                text.render(&messages, true, &Map::new()).unwrap()
            );
            Ok(())
        })
        .expect("a property");
}

#[test]
fn parts_that_a_template_joins_make_no_special_token() {
    // Content after content, with nothing between.
    let text = with_template("{% for m in messages %}{{ m.content | trim }}{% endfor %}").expect("a template");
    for (a, b) in [("<|im_", "end|>"), ("<", "|im_end|>"), ("<|im_end|  ", ">"), ("x<|im_end|>", "")] {
        let ids = text.chat(&[user(a), user(b)]).expect("tokens");
        assert!(!ids.contains(&END), "{a:?} {b:?}");
        assert_eq!(text.decode(&ids), format!("{}{b}", a.trim()));
    }
    // The control: what the template writes is special.
    let text = with_template("{{ '<|im_' ~ 'end|>' }}{{ messages[0].content }}").expect("a template");
    assert_eq!(text.chat(&[user("<|im_end|>")]).expect("tokens").iter().filter(|&&id| id == END).count(), 1);
}

#[test]
fn messages_are_checked() {
    let text = made();
    for (message, problem) in [
        (json!("hello"), "is not an object"),
        (json!({"content": "a"}), "role is missing"),
        (json!({"role": 7, "content": "a"}), "role is missing"),
        (json!({"role": "<|im_end|>", "content": "a"}), "role must be one of"),
        (json!({"role": "user", "content": 7}), "content is neither"),
        (json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}), "image_url"),
        (json!({"role": "user", "content": [{"type": "text"}]}), "no text"),
        (json!({"role": "user", "content": ["a"]}), "no type"),
    ] {
        match render(&text, &[user("fine"), message.clone()]) {
            Err(TextError::Message { index: 1, problem: found }) if found.contains(problem) => {}
            other => panic!("{message}: {other:?}"),
        }
    }
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(render(&text, &[user(parts)]).expect("a text"), "<|im_start|>user\na\nb<|im_end|>\n");
    let call = json!({"role": "assistant", "content": null, "tool_calls": []});
    assert_eq!(render(&text, &[call]).expect("a text"), "<|im_start|>assistant\n<|im_end|>\n");
    assert_eq!(render(&text, &[]).expect("a text"), "");
}

#[test]
fn no_template_is_an_error_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    synthetic::tiny(&model, Recipe { seed: 0, precision: Precision::Bf16 }).expect("a model");
    std::fs::remove_file(model.join("tokenizer_config.json")).expect("a file");
    let text = Text::load(&model).expect("a tokenizer");
    assert!(!text.has_template());
    assert_eq!(text.chat(&[user("a")]), Err(TextError::NoTemplate));
}

#[test]
fn templates_are_python_enough() {
    let text = with_template(
        "{%- set ns = namespace(n=0) %}
{%- for m in messages %}
    {%- set ns.n = ns.n + 1 %}
    {{- m['role'].upper() + ':' + m.content.split(' ')[-1] + ';' }}
{%- endfor %}
{{- ns.n }}{{ tools is none }}{{ eos_token }}{{ bos_token is defined }}
{{- {'b': [1, 'ä<&', none], 'a': {}} | tojson }}{{ [1, 2] | tojson(indent=2) }}",
    );
    let shown = render(&text.expect("a template"), &[user("a b"), user("c")]).expect("a text");
    let json = "{\"b\": [1, \"ä<&\", null], \"a\": {}}[\n  1,\n  2\n]";
    assert_eq!(shown, format!("USER:b;USER:c;2True<|im_end|>False{json}"));
}

#[test]
fn variables_add_and_do_not_replace() {
    let text = with_template("{{ messages | length }}{{ eos_token }}{{ add_generation_prompt }}{{ mood }}")
        .expect("a template");
    let variables = json!({"messages": [], "eos_token": "x", "add_generation_prompt": 1, "mood": "calm<|im_end|>"});
    let shown = text.render(&[user("a")], false, variables.as_object().expect("an object")).expect("a text");
    assert_eq!(shown, "1<|im_end|>Falsecalm<|im_end|>");
}

#[test]
fn templates_are_bounded() {
    for (template, said) in [
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "fuel"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("{{ 'x' * 9999999999 }}", "too large"),
        ("{{ messages.nothing.here }}", "undefined"),
        ("{{ strftime_now('%Y') }}", "strftime_now"),
    ] {
        let text = with_template(template).expect("a template");
        match render(&text, &[user("a")]) {
            Err(TextError::Template(error)) if error.contains(said) => {}
            other => panic!("{template}: {other:?}"),
        }
    }
    let text = with_template("{% for a in range(1000) %}{{ messages[0].content }}{% endfor %}").expect("a template");
    assert!(render(&text, &[user("x".repeat(1000))]).is_ok());
    let long = render(&text, &[user("x".repeat(10_000))]);
    assert!(matches!(long, Err(TextError::TooLong { .. })), "{:?}", long.map(|text| text.len()));
    assert!(matches!(made().chat(&[user("x".repeat(LONGEST_TEXT + 1))]), Err(TextError::TooLong { .. })));
    assert!(matches!(made().encode(&"x".repeat(LONGEST_TEXT + 1), false), Err(TextError::TooLong { .. })));

    let error = with_template("{% if %}").map(|_| ()).expect_err("not Jinja").to_string();
    assert!(error.contains("chat_template.jinja") && error.contains("cannot be compiled"), "{error}");
}

#[test]
fn raised_text_comes_through() {
    let text =
        with_template("{% if messages | length > 1 %}{{ raise_exception('only one, <|im_end|>!') }}{% endif %}ok");
    let text = text.expect("a template");
    assert_eq!(render(&text, &[user("a")]).as_deref(), Ok("ok"));
    let refused = render(&text, &[user("a"), user("b")]);
    assert_eq!(refused, Err(TextError::Refused("only one, <|im_end|>!".into())));
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model");
    synthetic::tiny(&model, Recipe { seed: 0, precision: Precision::Bf16 }).expect("a model");
    let tokenizer = std::fs::read_to_string(model.join("tokenizer.json")).expect("a file");
    for (file, content) in [
        ("tokenizer.json", "{".to_string()),
        ("tokenizer.json", "{}".to_string()),
        ("tokenizer.json", tokenizer.replace(":1020}", ":4294967295}")),
        ("tokenizer_config.json", "[]".into()),
        ("generation_config.json", "{\"eos_token_id\": -1}".into()),
        ("generation_config.json", "{\"eos_token_id\": [\"a\"]}".into()),
        ("config.json", "{".repeat(100_000)),
    ] {
        let before = std::fs::read(model.join(file)).expect("a file");
        std::fs::write(model.join(file), &content).expect("a file");
        match Text::load(&model) {
            Err(ModelError::File { file: named, .. }) if named.ends_with(file) => {}
            Err(error) => panic!("{file}: {error}"),
            Ok(_) => panic!("{file}: loaded"),
        }
        std::fs::write(model.join(file), before).expect("a file");
    }
    std::fs::remove_file(model.join("tokenizer.json")).expect("a file");
    let error = Text::load(&model).map(|_| ()).expect_err("missing").to_string();
    assert!(error.contains("tokenizer.json") && error.contains("missing"), "{error}");
}
