//! Streams of any tokens, against the tokenizer's own decoding of all of them.

use engine::text::Text;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokenizers::Tokenizer;

use crate::fixtures;

#[test]
fn fixtures_any_tokens() {
    let Some(models) = fixtures::models() else { return };
    for name in ["llama-tied-f32", "mistral-window-bf16", "qwen2-bias-f32", "qwen3-qknorm-bf16"] {
        let text = Text::load(&models.join(name)).expect("a tokenizer");
        let reference = Tokenizer::from_file(models.join(name).join("tokenizer.json")).expect("a tokenizer");
        let id = prop_oneof![3 => 0..text.vocabulary() as u32 + 5, 1 => 90..256_u32];
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config)
            .run(&prop::collection::vec(id, 0..80), |ids| {
                let whole = reference.decode(&ids, true).expect("a text");
                let (mut stream, mut shown) = (text.stream(), String::new());
                for &id in &ids {
                    shown += &stream.push(id);
                    prop_assert!(whole.starts_with(&shown), "{shown:?} is no beginning of {whole:?}");
                }
                shown += &stream.finish();
                prop_assert_eq!(shown, whole);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// WordPiece joins and cleans its tokens only as a whole.
#[test]
fn fixtures_wordpiece_comes_at_the_end() {
    let Some(models) = fixtures::models() else { return };
    let text = Text::load(&models.join("bert-mean-f32")).expect("a tokenizer");
    let ids = text.encode("The river bends twice.", true).expect("tokens");
    let mut stream = text.stream();
    assert!(ids.iter().all(|&id| stream.push(id).is_empty()));
    assert_eq!(stream.finish(), "the river bends twice.");
}
