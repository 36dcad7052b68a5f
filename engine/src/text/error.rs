//! Why a text is refused.

/// Why a text or a conversation cannot be tokenised. All but [`TextError::Tokenizer`] and [`TextError::Template`] are for
/// the caller to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The model folder has no chat template.
    #[error("the model has no chat template; send a prompt instead of messages")]
    NoTemplate,
    /// A message is not what the API says it is.
    #[error("messages[{index}]: {problem}")]
    Message {
        /// Which, from zero.
        index: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The template raised an exception: these messages are not what the model was made for.
    #[error("the model's chat template refuses the messages: {0}")]
    Refused(String),
    /// The template failed.
    #[error("the model's chat template fails: {0}")]
    Template(String),
    /// The text is longer than is tokenised.
    #[error("the text has {bytes} bytes; at most {limit} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// The tokenizer failed.
    #[error("the text cannot be tokenised: {0}")]
    Tokenizer(String),
}
