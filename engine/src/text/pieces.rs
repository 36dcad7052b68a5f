//! The bytes that each token stands for.

use std::collections::HashMap;

use serde_json::Value;
use tokenizers::Tokenizer;

use super::folder;
use crate::model::ModelError;

/// Ids above this are refused: a table of them would not be a tokenizer's.
const IDS: usize = 1 << 22;

/// A table over all ids.
pub(super) struct Pieces {
    /// How tokens become bytes.
    pub(super) alphabet: Alphabet,
    bytes: Vec<u8>,
    /// Where the piece of an id ends in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
    special: Vec<bool>,
}

/// How tokens become bytes, by the tokenizer's decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Each character is a byte (the GPT-2 table).
    ByteLevel,
    /// Text with `▁` for a space, and `<0xNN>` for a byte, as SentencePiece has it.
    SentencePiece {
        /// The text's first space is not shown.
        strip: bool,
    },
    /// Anything else: a token alone says nothing about the text.
    Whole,
}

impl Pieces {
    pub(super) fn of(file: &str, tokenizer: &Tokenizer) -> Result<Self, ModelError> {
        let alphabet = Alphabet::of(tokenizer);
        let vocabulary = tokenizer.get_vocab(true);
        let len = vocabulary.values().max().map_or(0, |&id| id as usize + 1);
        if len > IDS {
            return Err(folder::damaged(file, &format!("has token id {}; at most {IDS} are taken", len - 1)));
        }
        let mut special = vec![false; len];
        for (id, token) in tokenizer.get_added_tokens_decoder() {
            if let Some(flag) = special.get_mut(id as usize) {
                *flag = token.special;
            }
        }
        let (mut bytes, mut ends, table) = (Vec::new(), Vec::with_capacity(len), byte_table());
        for id in 0..len as u32 {
            if let Some(token) = tokenizer.id_to_token(id) {
                alphabet.append(&token, &table, &mut bytes);
            }
            ends.push(bytes.len());
        }
        Ok(Self { alphabet, bytes, ends, special })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Empty for an unknown id.
    pub(super) fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let begin = if id == 0 { Some(&0) } else { self.ends.get(id - 1) };
        match (begin, self.ends.get(id)) {
            (Some(&begin), Some(&end)) => &self.bytes[begin..end],
            _ => &[],
        }
    }

    /// Whether the token is not shown.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.get(id as usize).copied().unwrap_or_default()
    }
}

impl Alphabet {
    /// Read from the decoder as it is written in `tokenizer.json`: its fields are not public.
    fn of(tokenizer: &Tokenizer) -> Self {
        let decoder = serde_json::to_value(tokenizer.get_decoder()).unwrap_or_default();
        let steps = match decoder["decoders"].as_array() {
            Some(steps) => steps.clone(),
            None => vec![decoder],
        };
        let kinds: Vec<_> = steps.iter().map(|step| step["type"].as_str().unwrap_or_default()).collect();
        let spaces = |step: &Value| step["pattern"]["String"] == "▁" && step["content"] == " ";
        let first_space = |step: &Value| step["content"] == " " && step["start"] == 1 && step["stop"] == 0;
        match kinds[..] {
            ["ByteLevel"] => Self::ByteLevel,
            ["Replace", "ByteFallback", "Fuse"] if spaces(&steps[0]) => Self::SentencePiece { strip: false },
            ["Replace", "ByteFallback", "Fuse", "Strip"] if spaces(&steps[0]) && first_space(&steps[3]) => {
                Self::SentencePiece { strip: true }
            }
            _ => Self::Whole,
        }
    }

    fn append(self, token: &str, table: &HashMap<char, u8>, bytes: &mut Vec<u8>) {
        match self {
            Self::ByteLevel => match token.chars().map(|c| table.get(&c).copied()).collect::<Option<Vec<_>>>() {
                Some(mapped) => bytes.extend(mapped),
                None => bytes.extend(token.as_bytes()),
            },
            Self::SentencePiece { .. } => match byte_token(token) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(token.replace('▁', " ").as_bytes()),
            },
            Self::Whole => bytes.extend(token.as_bytes()),
        }
    }
}

/// The byte that `<0xNN>` stands for.
fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// The GPT-2 table: printable Latin-1 stands for itself, the other bytes follow from U+0100 on.
pub(crate) fn byte_table() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..=u8::MAX).filter(|byte| !printable(byte));
    let shifted = ('\u{100}'..).zip(others);
    let same = (0..=u8::MAX).filter(printable).map(|byte| (char::from(byte), byte));
    same.chain(shifted).collect()
}
