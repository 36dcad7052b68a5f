//! The files of a model folder. It appears complete or not at all.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::Precision;
use super::shape::Shape;
use super::shards::{self, Weights};
use super::tokenizer::{CHAT_TEMPLATE, END_OF_TEXT, END_OF_TURN};

/// Why a model was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Nothing is overwritten.
    #[error("{} exists already; name another folder, or remove it", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", file.display())]
    Write {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The tokenizer cannot be trained.
    #[error("the tokenizer cannot be trained: {0}")]
    Tokenizer(String),
    /// The numeric library failed.
    #[error("the model cannot be trained: {0}")]
    Compute(#[from] candle_core::Error),
}

impl MakeError {
    pub(super) fn new(file: &Path, source: io::Error) -> Self {
        Self::Write { file: file.into(), source }
    }
}

/// A folder under a name of its own until it is complete.
pub(super) struct Folder {
    to: PathBuf,
    draft: PathBuf,
}

impl Folder {
    /// Refuses one that exists.
    pub(super) fn create(to: &Path) -> Result<Self, MakeError> {
        if to.symlink_metadata().is_ok() {
            return Err(MakeError::Exists(to.into()));
        }
        let mut draft = to.as_os_str().to_os_string();
        draft.push(format!(".draft-{}", std::process::id()));
        let draft = PathBuf::from(draft);
        std::fs::create_dir_all(&draft).map_err(|e| MakeError::new(&draft, e))?;
        Ok(Self { to: to.into(), draft })
    }

    /// All files.
    pub(super) fn write(
        &mut self,
        shape: &Shape,
        tokenizer: &Tokenizer,
        weights: &Weights,
        precision: Precision,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), MakeError> {
        let path = self.draft.join("tokenizer.json");
        let text = tokenizer.to_string(false).map_err(|e| MakeError::Tokenizer(e.to_string()))?;
        std::fs::write(&path, text).map_err(|e| MakeError::new(&path, e))?;
        write_json(&self.draft.join("config.json"), &shape.config(precision))?;
        let settings = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
            "model_max_length": shape.context,
            "bos_token": null,
            "eos_token": END_OF_TURN,
            "pad_token": END_OF_TEXT,
            "chat_template": CHAT_TEMPLATE,
        });
        write_json(&self.draft.join("tokenizer_config.json"), &settings)?;
        let generation = json!({
            "eos_token_id": [shape.special(END_OF_TURN), shape.special(END_OF_TEXT)],
            "pad_token_id": shape.special(END_OF_TEXT),
            "do_sample": true,
        });
        write_json(&self.draft.join("generation_config.json"), &generation)?;
        shards::write(&self.draft, &shape.plans(), weights, precision, progress)
    }

    /// Gives it its name.
    pub(super) fn commit(self) -> Result<(), MakeError> {
        if self.to.symlink_metadata().is_ok() {
            return Err(MakeError::Exists(self.to.clone()));
        }
        std::fs::rename(&self.draft, &self.to).map_err(|e| MakeError::new(&self.to, e))
    }
}

impl Drop for Folder {
    /// What was not committed goes; after a commit there is nothing under the draft's name.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.draft);
    }
}

/// Gives a file the permissions of the files beside it: the library that writes tensors lets nobody else read them.
pub(super) fn readable(path: &Path) -> Result<(), MakeError> {
    let permissions = std::fs::metadata(path.with_file_name("config.json")).map(|file| file.permissions());
    permissions.and_then(|mode| std::fs::set_permissions(path, mode)).map_err(|e| MakeError::new(path, e))
}

pub(super) fn write_json(path: &Path, value: &Value) -> Result<(), MakeError> {
    let text = format!("{value:#}\n");
    std::fs::write(path, text).map_err(|e| MakeError::new(path, e))
}
