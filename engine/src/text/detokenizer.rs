//! Tokens to text, as they come.

use std::sync::Arc;

use tokenizers::Tokenizer;

use super::pieces::{Alphabet, Pieces};

/// Turns the tokens of an answer into text that will not change any more: bytes that may be the beginning of a character
/// are held back until it is clear. Bytes that can belong to none are shown as U+FFFD. Special tokens are not shown.
///
/// A tokenizer that is neither byte-level nor SentencePiece-like shows all of its text at the end.
pub struct Detokenizer {
    pieces: Arc<Pieces>,
    tokenizer: Arc<Tokenizer>,
    /// Bytes whose character is not complete.
    pending: Vec<u8>,
    /// Whether nothing has been shown yet, so that a first space would go.
    strip: bool,
    /// Tokens that are decoded at the end.
    whole: Vec<u32>,
}

impl Detokenizer {
    pub(super) fn new(pieces: Arc<Pieces>, tokenizer: Arc<Tokenizer>) -> Self {
        let strip = pieces.alphabet == Alphabet::SentencePiece { strip: true };
        Self { pieces, tokenizer, pending: Vec::new(), strip, whole: Vec::new() }
    }

    /// What the next token adds to the text; often nothing.
    pub fn push(&mut self, id: u32) -> String {
        if self.pieces.is_special(id) {
            return String::new();
        }
        if self.pieces.alphabet == Alphabet::Whole {
            self.whole.push(id);
            return String::new();
        }
        self.pending.extend_from_slice(self.pieces.get(id));
        let text = decided(&mut self.pending);
        self.shown(text)
    }

    /// What was held back.
    pub fn finish(mut self) -> String {
        if self.pieces.alphabet == Alphabet::Whole {
            return self.tokenizer.decode(&self.whole, true).unwrap_or_default();
        }
        let rest = String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned();
        self.shown(rest)
    }

    fn shown(&mut self, mut text: String) -> String {
        if self.strip && !text.is_empty() {
            self.strip = false;
            if text.starts_with(' ') {
                text.remove(0);
            }
        }
        text
    }
}

/// Takes everything from the front whose characters are clear.
fn decided(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut taken = 0;
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        taken += chunk.valid().len();
        let broken = chunk.invalid();
        let open = taken + broken.len() == bytes.len()
            && std::str::from_utf8(broken).is_err_and(|error| error.error_len().is_none());
        if broken.is_empty() || open {
            break;
        }
        text.push(char::REPLACEMENT_CHARACTER);
        taken += broken.len();
    }
    bytes.drain(..taken);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the bytes come, the text is that of all of them, and no character comes in halves.
        #[test]
        fn in_any_portions(
            parts in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..4),
                any::<char>().prop_map(|c| c.to_string().into_bytes()),
                prop::sample::select(vec![vec![0xE2], vec![0x82], vec![0xAC], vec![0xF0, 0x9F], vec![0xED, 0xA0]]),
            ], 0..40),
        ) {
            let (mut pending, mut text) = (Vec::new(), String::new());
            for part in &parts {
                pending.extend_from_slice(part);
                text += &decided(&mut pending);
                prop_assert!(pending.len() < 4);
            }
            text += &String::from_utf8_lossy(&pending);
            let whole = parts.concat();
            prop_assert_eq!(text, String::from_utf8_lossy(&whole));
        }
    }

    #[test]
    fn unfinished_characters_wait() {
        let mut pending = "a€".as_bytes()[..3].to_vec();
        assert_eq!(decided(&mut pending), "a");
        assert_eq!(decided(&mut pending), "");
        pending.push(0xAC);
        assert_eq!(decided(&mut pending), "€");
        pending.extend([0xE2, 0x82, b'x']);
        assert_eq!(decided(&mut pending), "\u{FFFD}x", "what cannot become a character does not wait");
    }
}
