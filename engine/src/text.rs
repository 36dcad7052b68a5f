//! Text and token ids: what a tokenizer and a chat template make of each other.
//!
//! [`Text`] is loaded from a model folder (`tokenizer.json` and the files beside it) or from the metadata of a GGUF file.
//! [`Detokenizer`] turns tokens into text as they come, [`StopFilter`] ends an answer at a stop text. All of it is a
//! function of the files and its arguments: no clock, no state between requests.

mod chat;
mod detokenizer;
mod error;
pub(crate) mod folder;
mod gguf;
mod json;
mod pieces;
mod special;
mod stop;
mod template;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::Value as Metadata;
use serde_json::{Map, Value};
use tokenizers::Tokenizer;

pub use detokenizer::Detokenizer;
pub use error::TextError;
pub use stop::{Cut, StopFilter};

use crate::model::ModelError;
use chat::Conversation;
use pieces::Pieces;
use special::Specials;
use template::Template;

/// Bytes of text that are tokenised at once: more than any context holds.
pub const LONGEST_TEXT: usize = 4 << 20;

/// The text half of a model.
pub struct Text {
    tokenizer: Arc<Tokenizer>,
    template: Option<Template>,
    specials: Specials,
    pieces: Arc<Pieces>,
    stop: Vec<u32>,
}

impl Text {
    /// From a Hugging Face folder with `tokenizer.json`, or from a `.gguf` file.
    ///
    /// # Errors
    /// When a file is missing, too large or damaged, or holds a tokenizer that is not supported.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        if path.is_dir() { folder::text(path) } else { gguf::open(path) }
    }

    /// From the metadata of a GGUF file; `file` names it in errors.
    ///
    /// # Errors
    /// When the tokenizer is missing, damaged, or of a kind that is not supported.
    pub fn from_gguf(file: &str, metadata: &HashMap<String, Metadata>) -> Result<Self, ModelError> {
        gguf::text(file, metadata)
    }

    /// Of parts that a loader has read. Padding and truncation belong to batches of training: they are taken off.
    fn of_parts(
        file: &str,
        mut tokenizer: Tokenizer,
        template: Option<Template>,
        mut stop: Vec<u32>,
    ) -> Result<Self, ModelError> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| folder::damaged(file, &e.to_string()))?;
        stop.sort_unstable();
        stop.dedup();
        let pieces = Pieces::of(file, &tokenizer)?;
        let specials = Specials::of(&tokenizer);
        let tokenizer = Arc::new(tokenizer);
        Ok(Self { pieces: Arc::new(pieces), specials, tokenizer, template, stop })
    }

    /// Token ids of a text. `special` adds what the tokenizer puts around a text, such as BOS. Special tokens that are
    /// written out in the text become what they name: whoever writes a raw prompt writes all of it.
    ///
    /// # Errors
    /// When the text is longer than [`LONGEST_TEXT`].
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        bounded(text)?;
        let encoding = self.tokenizer.encode_fast(text, special).map_err(|e| TextError::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of a conversation, ready for the answer: the chat template with its generation prompt. Special tokens
    /// inside a message stay plain text: only the template begins and ends turns.
    ///
    /// # Errors
    /// When there is no template, it refuses the messages, or they are malformed or too long.
    pub fn chat(&self, messages: &[Value]) -> Result<Vec<u32>, TextError> {
        self.chat_with(messages, true, &Map::new())
    }

    /// As [`Text::chat`], with or without the generation prompt, and with further variables for the template (such as
    /// `enable_thinking`).
    ///
    /// # Errors
    /// See [`Text::chat`].
    pub fn chat_with(
        &self,
        messages: &[Value],
        generation_prompt: bool,
        variables: &Map<String, Value>,
    ) -> Result<Vec<u32>, TextError> {
        let conversation = self.conversation(messages, generation_prompt, variables)?;
        conversation.ids(&self.tokenizer)
    }

    /// What [`Text::chat_with`] tokenises, for people.
    ///
    /// # Errors
    /// See [`Text::chat`].
    pub fn render(
        &self,
        messages: &[Value],
        generation_prompt: bool,
        variables: &Map<String, Value>,
    ) -> Result<String, TextError> {
        Ok(self.conversation(messages, generation_prompt, variables)?.text())
    }

    fn conversation(
        &self,
        messages: &[Value],
        generation_prompt: bool,
        variables: &Map<String, Value>,
    ) -> Result<Conversation, TextError> {
        let template = self.template.as_ref().ok_or(TextError::NoTemplate)?;
        Conversation::new(template, &self.specials, messages, generation_prompt, variables)
    }

    /// Whether [`Text::chat`] can work.
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// Tokens that end an answer: those that the generation settings, the model or the tokenizer call end of sequence.
    pub fn stop_tokens(&self) -> &[u32] {
        &self.stop
    }

    /// Ids that the tokenizer knows are below this number.
    pub fn vocabulary(&self) -> usize {
        self.pieces.len()
    }

    /// The bytes that a token stands for; part of a character, perhaps. Empty for an id that the tokenizer does not know.
    pub fn piece(&self, id: u32) -> &[u8] {
        self.pieces.get(id)
    }

    /// Text of an answer, token by token.
    pub fn stream(&self) -> Detokenizer {
        Detokenizer::new(Arc::clone(&self.pieces), Arc::clone(&self.tokenizer))
    }

    /// Text of an answer at once; special tokens are not shown.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut stream = self.stream();
        let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
        text += &stream.finish();
        text
    }
}

/// Refuses what is longer than [`LONGEST_TEXT`].
fn bounded(text: &str) -> Result<(), TextError> {
    if text.len() > LONGEST_TEXT {
        return Err(TextError::TooLong { bytes: text.len(), limit: LONGEST_TEXT });
    }
    Ok(())
}
