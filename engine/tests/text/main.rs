//! Tokenizers, chat templates and streams equal those of transformers.

mod chat;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod gguf;
mod stream;

use std::path::{Path, PathBuf};

use engine::text::{Text, TextError};
use fixtures::{expected, ids, list};
use serde_json::{Map, Value};

/// Every model with a tokenizer, and what is expected of it.
fn all() -> Vec<(String, PathBuf, Value)> {
    let Some(models) = fixtures::models() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&models).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.join("tokenizer.json").is_file() {
            let name = entry.file_name().expect("a name").to_str().expect("UTF-8").to_string();
            let expected = expected(&models, &name);
            found.push((name, entry, expected));
        }
    }
    assert!(found.len() >= 7, "fewer models than there were");
    found
}

fn load(path: &Path) -> Text {
    Text::load(path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn fixtures_tokens() {
    for (name, path, expected) in all() {
        tokens(&name, &load(&path), &expected);
    }
}

fn tokens(name: &str, text: &Text, expected: &Value) {
    for case in list(expected, "tokenizer") {
        let (input, context) = (case["text"].as_str().expect("a text"), format!("{name}: {}", case["name"]));
        let plain = text.encode(input, false).expect("tokens");
        assert_eq!(plain, ids(&case["ids"]), "{context}");
        assert_eq!(text.encode(input, true).expect("tokens"), ids(&case["ids_with_special"]), "{context}");
        if let Some(shown) = case["decoded_skip_special"].as_str() {
            assert_eq!(text.decode(&plain), shown, "{context}");
        }
    }
}

#[test]
fn fixtures_gguf_has_the_same_tokens() {
    let Some(models) = fixtures::models() else { return };
    let text = load(&models.join("llama-untied-q8_0-gguf/model.gguf"));
    let folder = load(&models.join("llama-untied-bf16-sharded"));
    let expected = expected(&models, "llama-untied-bf16-sharded");
    tokens("gguf", &text, &expected);
    chats("gguf", &text, &expected);
    assert_eq!(text.vocabulary(), folder.vocabulary());
    // The format names one end of sequence; the folder has a list of two.
    assert!(text.stop_tokens().iter().all(|id| folder.stop_tokens().contains(id)) && !text.stop_tokens().is_empty());
}

#[test]
fn fixtures_streams() {
    for (name, path, expected) in all() {
        let text = load(&path);
        for case in list(&expected, "tokenizer_stream") {
            let (mut stream, mut shown) = (text.stream(), String::new());
            for (id, prefix) in ids(&case["ids"]).into_iter().zip(list(case, "prefix_decoded")) {
                shown += &stream.push(id);
                // Special tokens are in the expected text and not in ours.
                let prefix = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>"]
                    .iter()
                    .chain(&["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|pad|>"])
                    .chain(&["<s>", "</s>", "<unk>", "<pad>", "[INST]", "[/INST]"])
                    .fold(prefix.as_str().expect("a text").to_string(), |text, token| text.replace(token, ""));
                assert_eq!(shown, prefix.trim_end_matches('\u{FFFD}'), "{name}: {}", case["name"]);
            }
            assert_eq!(stream.finish(), "", "{name}: {}", case["name"]);
        }
    }
}

#[test]
fn fixtures_chats() {
    for (name, path, expected) in all() {
        let text = load(&path);
        chats(&name, &text, &expected);
        for case in list(&expected, "chat_errors") {
            let answer = text.render(list(case, "messages"), false, &Map::new());
            match case["error"].as_str() {
                Some(error) => assert_eq!(answer, Err(TextError::Refused(error.into())), "{name}: {}", case["name"]),
                None => assert_eq!(answer.expect("a text"), case["text"], "{name}: {}", case["name"]),
            }
        }
    }
}

fn chats(name: &str, text: &Text, expected: &Value) {
    for case in list(expected, "chat") {
        let context = format!("{name}: {}", case["name"]);
        let (messages, extra) = (list(case, "messages"), case["extra"].as_object().expect("variables"));
        let prompt = case["add_generation_prompt"].as_bool().expect("a flag");
        assert_eq!(text.render(messages, prompt, extra).expect("a text"), case["text"], "{context}");
        let tokens = text.chat_with(messages, prompt, extra).expect("tokens");
        if prompt && extra.is_empty() {
            assert_eq!(text.chat(messages).expect("tokens"), tokens, "{context}");
        }
        if case["name"] == "markers_in_text" {
            // Transformers takes special tokens in a message for such. Here they stay text: the same text, in which only
            // the template's own are special.
            assert_ne!(tokens, ids(&case["ids"]), "{context}");
            let rest = text.encode(case["text"].as_str().expect("a text"), false).expect("tokens");
            assert_eq!(rest, ids(&case["ids"]), "{context}");
            let bytes = |ids: &[u32]| ids.iter().flat_map(|&id| text.piece(id).to_vec()).collect::<Vec<_>>();
            assert_eq!(bytes(&tokens), bytes(&rest), "{context}");
        } else {
            assert_eq!(tokens, ids(&case["ids"]), "{context}");
        }
    }
}

#[test]
fn fixtures_stop_tokens() {
    for (name, path, expected) in all() {
        let text = load(&path);
        let Some(mut eos) = expected.get("eos_ids").map(ids) else { continue };
        eos.sort_unstable();
        assert_eq!(text.stop_tokens(), eos, "{name}");
    }
}
