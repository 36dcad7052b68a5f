//! Tokenizers in GGUF metadata: SentencePiece against a plain search for the best pair, and what is not supported.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use engine::text::Text;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const ALPHABET: &str = "▁abcé";

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

fn strings(items: &[String]) -> Value {
    Value::Array(items.iter().cloned().map(Value::String).collect())
}

/// `<unk>`, BOS, EOS, all bytes, all characters of the alphabet, then the pieces, each with a score.
fn vocabulary(pieces: &[(String, f32)]) -> (Vec<String>, Vec<f32>) {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).into();
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    let mut scores = vec![0.0; tokens.len()];
    let chars = ALPHABET.chars().map(|c| (c.to_string(), -1e6));
    for (token, score) in chars.chain(pieces.iter().cloned()) {
        if !tokens.contains(&token) {
            tokens.push(token);
            scores.push(score);
        }
    }
    (tokens, scores)
}

fn metadata(tokens: &[String], scores: &[f32]) -> HashMap<String, Value> {
    let kind = |id: usize| match id {
        0 => 2,
        1 | 2 => 3,
        3..259 => 6,
        _ => 1,
    };
    [
        (key("model"), Value::String("llama".into())),
        (key("tokens"), strings(tokens)),
        (key("scores"), Value::Array(scores.iter().map(|&score| Value::F32(score)).collect())),
        (key("token_type"), Value::Array((0..tokens.len()).map(|id| Value::I32(kind(id))).collect())),
        (key("bos_token_id"), Value::U32(1)),
        (key("eos_token_id"), Value::U32(2)),
        (key("unknown_token_id"), Value::U32(0)),
    ]
    .into()
}

/// SentencePiece as it is described: join the neighbours whose union has the highest score, the left ones first.
fn plain(text: &str, tokens: &[String], scores: &[f32]) -> Vec<u32> {
    let id = |piece: &str| tokens.iter().position(|token| token == piece);
    let mut symbols: Vec<String> = format!("▁{}", text.replace(' ', "▁")).chars().map(String::from).collect();
    loop {
        let mut best: Option<(usize, f32)> = None;
        for at in 1..symbols.len() {
            if let Some(id) = id(&format!("{}{}", symbols[at - 1], symbols[at]))
                && best.is_none_or(|(_, score)| scores[id] > score)
            {
                best = Some((at, scores[id]));
            }
        }
        let Some((at, _)) = best else { break };
        let right = symbols.remove(at);
        symbols[at - 1] += &right;
    }
    let ids = |symbol: &String| match id(symbol) {
        Some(id) => vec![id as u32],
        None => symbol.bytes().map(|byte| u32::from(byte) + 3).collect(),
    };
    symbols.iter().flat_map(ids).collect()
}

#[test]
fn sentencepiece_joins_the_best_pair() {
    let pieces = prop::collection::vec(("[▁abcé]{2,5}", -100.0..0.0_f32), 0..40);
    let texts = prop::collection::vec("[ abcéz川]{0,24}", 8);
    let config = ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(pieces, texts), |(pieces, texts)| {
            let (tokens, scores) = vocabulary(&pieces);
            let text = Text::from_gguf("test.gguf", &metadata(&tokens, &scores)).expect("a tokenizer");
            prop_assert_eq!(text.stop_tokens(), [2]);
            for input in &texts {
                // Of nothing the library makes nothing, not even a space in front.
                let expected = if input.is_empty() { vec![] } else { plain(input, &tokens, &scores) };
                let ids = text.encode(input, false).expect("tokens");
                prop_assert_eq!(&ids, &expected, "{:?}", input);
                prop_assert_eq!(text.encode(input, true).expect("tokens"), [&[1], &ids[..]].concat());
                prop_assert_eq!(&text.decode(&ids), input);
            }
            Ok(())
        })
        .expect("a property");
}

#[test]
fn bytes_come_as_soon_as_they_are_a_character() {
    let (tokens, scores) = vocabulary(&[]);
    let text = Text::from_gguf("test.gguf", &metadata(&tokens, &scores)).expect("a tokenizer");
    let mut stream = text.stream();
    let shown: Vec<_> = "▁é 川".bytes().map(|byte| stream.push(u32::from(byte) + 3)).collect();
    assert_eq!(shown, ["", "", "▁", "", "é", " ", "", "", "川"]);
    let mut stream = text.stream();
    assert_eq!((stream.push(3 + 0xE5), stream.push(3 + 0xB7)), (String::new(), String::new()));
    assert_eq!(stream.finish(), "\u{FFFD}");
}

#[test]
fn what_is_not_supported_is_named() {
    let (tokens, scores) = vocabulary(&[]);
    let whole = metadata(&tokens, &scores);
    let changed = |name: &str, value: Option<Value>| {
        let mut metadata = whole.clone();
        match value {
            Some(value) => metadata.insert(key(name), value),
            None => metadata.remove(&key(name)),
        };
        Text::from_gguf("test.gguf", &metadata).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(changed("nothing", None), Ok(()), "the whole is fine");
    for (name, value, named) in [
        ("model", Some(Value::String("t5".into())), "t5"),
        ("model", Some(Value::String("gpt2".into())), "merges"),
        ("model", Some(Value::U32(1)), "wrong type"),
        ("model", None, "model"),
        ("tokens", None, "tokens"),
        ("tokens", Some(strings(&["x".repeat(2000)])), "tokens"),
        ("tokens", Some(Value::Array(vec![Value::U32(1)])), "wrong type"),
        ("scores", None, "scores"),
        ("scores", Some(Value::Array(vec![Value::F32(f32::NAN)])), "scores"),
        ("eos_token_id", Some(Value::U32(99_999)), "eos_token_id"),
        ("bos_token_id", Some(Value::String("a".into())), "bos_token_id"),
    ] {
        let error = changed(name, value).expect_err(named);
        assert!(error.contains(named) && error.contains("test.gguf"), "{name}: {error}");
    }
    let mut metadata = metadata(&tokens, &scores);
    metadata.insert(key("model"), Value::String("gpt2".into()));
    metadata.insert(key("merges"), strings(&[]));
    metadata.insert(key("pre"), Value::String("viking".into()));
    let error = Text::from_gguf("test.gguf", &metadata).map(|_| ()).expect_err("unknown rule").to_string();
    assert!(error.contains("viking"), "{error}");
}

#[test]
fn a_file_that_is_none_is_an_error() {
    let file = tempfile::NamedTempFile::with_suffix(".gguf").expect("a file");
    for content in
        [&b""[..], b"GGUF", b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x7f"]
    {
        std::fs::write(file.path(), content).expect("a file");
        assert!(Text::load(file.path()).is_err());
    }
    assert!(Text::load(std::path::Path::new("/nothing/here")).is_err());
}
