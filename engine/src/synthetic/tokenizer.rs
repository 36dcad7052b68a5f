//! A byte-level BPE tokenizer, trained on text that is part of the program.

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, PostProcessorWrapper, Tokenizer, Trainer};

use super::folder::MakeError;

/// Prose in several languages, code, questions and answers.
pub(super) const PROSE: &str = include_str!("corpus.txt");
/// Long words.
pub(super) const LICENSE: &str = include_str!("../../../LICENSE");
/// Between texts.
pub(super) const END_OF_TEXT: &str = "<|endoftext|>";
/// Begins a turn of a conversation.
pub(super) const START_OF_TURN: &str = "<|im_start|>";
/// Ends it.
pub(super) const END_OF_TURN: &str = "<|im_end|>";
/// The last ids of the vocabulary.
pub(super) const SPECIALS: [&str; 3] = [END_OF_TEXT, START_OF_TURN, END_OF_TURN];
/// Words, numbers of up to three digits, signs, spaces.
const SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// ChatML.
pub(super) const CHAT_TEMPLATE: &str = "\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
";

/// A tokenizer of exactly so many tokens. It knows every byte, so no text is unknown to it.
pub(super) fn train(vocabulary: usize, texts: &[&str]) -> Result<Tokenizer, MakeError> {
    let failed = |e: tokenizers::Error| MakeError::Tokenizer(e.to_string());
    let split = Split::new(SplitPattern::Regex(SPLIT.into()), SplitDelimiterBehavior::Isolated, false);
    let byte_level = ByteLevel::new(false, true, false);
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer
        .with_pre_tokenizer(Some(Sequence::new(vec![split.map_err(failed)?.into(), byte_level.into()])))
        .with_decoder(Some(byte_level))
        .with_post_processor(Some(PostProcessorWrapper::ByteLevel(byte_level)));

    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocabulary - SPECIALS.len())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();
    // Counting words here, rather than through `Tokenizer::train`, keeps the order of work the same on any machine.
    let words = |text: &str| words(&tokenizer, text);
    trainer.feed(texts.iter(), words).map_err(failed)?;
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(failed)?;
    tokenizer.with_model(model);
    let specials = SPECIALS.map(|token| AddedToken::from(token, true));
    tokenizer.add_special_tokens(specials).map_err(failed)?;
    let found = tokenizer.get_vocab_size(true);
    if found != vocabulary {
        return Err(MakeError::Tokenizer(format!("the text gives {found} tokens for {vocabulary}")));
    }
    Ok(tokenizer)
}

/// What merges never cross.
fn words(tokenizer: &Tokenizer, text: &str) -> tokenizers::Result<Vec<String>> {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};
    let mut parts = PreTokenizedString::from(text);
    if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut parts)?;
    }
    let splits = parts.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(splits.into_iter().map(|(word, ..)| word.to_string()).collect())
}
