//! SentencePiece BPE ("llama"): tokens with scores.

use candle_core::quantized::gguf_file::Value as Metadata;
use serde_json::{Value, json};

use super::{Source, UNKNOWN, Vocabulary};
use crate::model::ModelError;

/// SentencePiece joins, again and again, the two neighbours whose union has the highest score. That is BPE with one merge
/// for every way to part a token into two, in the order of the token's score.
pub(super) fn tokenizer(source: &Source<'_>, vocabulary: &Vocabulary<'_>) -> Result<Value, ModelError> {
    let scores = source.numbers("tokenizer.ggml.scores", |value: &Metadata| value.to_f32().ok())?;
    let scores = scores.filter(|scores| scores.len() == vocabulary.tokens.len());
    let scores = scores.ok_or_else(|| source.missing("tokenizer.ggml.scores"))?;
    let prefix = source.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let add_bos = source.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(true);
    let mut normalizers = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let unknown = vocabulary.types.iter().position(|&kind| kind == UNKNOWN).and_then(|id| vocabulary.tokens.get(id));
    Ok(json!({
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "pre_tokenizer": null,
        "post_processor": source.around(add_bos, vocabulary)?,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "unk_token": unknown,
            "fuse_unk": true,
            "byte_fallback": true,
            "vocab": vocabulary.ids(),
            "merges": merges(vocabulary, &scores),
        },
    }))
}

fn merges<'a>(vocabulary: &Vocabulary<'a>, scores: &[f32]) -> Vec<(&'a str, &'a str)> {
    let ids = vocabulary.ids();
    let mut order: Vec<usize> = (0..vocabulary.tokens.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let parts = |id: usize| {
        let token = vocabulary.tokens[id];
        token.char_indices().skip(1).map(move |(at, _)| token.split_at(at))
    };
    let known = |(left, right): &(&'a str, &'a str)| ids.contains_key(left) && ids.contains_key(right);
    order.into_iter().flat_map(parts).filter(known).collect()
}
