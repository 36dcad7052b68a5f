//! From the members of a request to what a backend is asked.

use incentive::units::Hotkey;
use proof::inference::{choice_nonce, nonce_of_seed};
use serde_json::Value;

use super::{ApiError, Fields, chat, completions};
use crate::inference::backend::{Completion, Prompt};

/// Most answers to one prompt.
const CHOICES: usize = 8;
/// Most answers to one request, over all its prompts.
const ANSWERS: usize = 64;
/// Most stop texts, and most bytes of each.
const STOPS: usize = 4;
const STOP_BYTES: usize = 1024;
/// Most alternatives for each token.
const ALTERNATIVES: usize = 20;
/// Tokens of an answer to `/v1/completions` that does not say how many, as in OpenAI's API.
const DEFAULT_TOKENS: usize = 16;

/// What changes an answer and is not done here.
const REFUSED: [&str; 32] = [
    "audio",
    "bad_words",
    "best_of",
    "chat_template",
    "chat_template_kwargs",
    "continue_final_message",
    "documents",
    "echo",
    "function_call",
    "functions",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "length_penalty",
    "logit_bias",
    "logits_processors",
    "min_p",
    "min_tokens",
    "modalities",
    "prediction",
    "prompt_logprobs",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "stop_token_ids",
    "structured_outputs",
    "suffix",
    "tool_choice",
    "tools",
    "use_beam_search",
    "web_search_options",
];

/// Which of the two paths was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Text,
}

/// A checked request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// By which path.
    pub form: Form,
    /// Of which model.
    pub model: String,
    /// What is continued.
    pub prompts: Vec<Prompt>,
    /// How many answers to each.
    pub choices: usize,
    /// How; the prompt in it stands for each of [`Asked::prompts`].
    pub how: Completion,
    /// Whether the answer comes in parts.
    pub stream: bool,
    /// Whether the last part tells the numbers of tokens.
    pub include_usage: bool,
    /// The fields of our own, if the request has any.
    pub assay: Option<Assay>,
}

/// The object `assay` of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assay {
    /// The ids of the answer's tokens and the chain over them.
    pub token_ids: bool,
    /// The ids of the prompt's tokens.
    pub prompt_token_ids: bool,
    /// The fingerprints of the answer's activations.
    pub fingerprint: bool,
}

// === impl Asked ===

impl Asked {
    /// Checks everything that can be checked without the model.
    ///
    /// # Errors
    /// 400 with the name of the parameter.
    pub fn read(form: Form, fields: &Fields) -> Result<Self, ApiError> {
        let model = fields.model()?.to_owned();
        fields.refuse(&REFUSED)?;
        let prompts = match form {
            Form::Chat => vec![chat::prompt(fields)?],
            Form::Text => completions::prompts(fields)?,
        };
        let choices = fields.count("n", 1, usize::MAX)?.unwrap_or(1);
        if choices > CHOICES || choices * prompts.len() > ANSWERS {
            let message = format!("at most {CHOICES} answers to a prompt, and {ANSWERS} to a request");
            return Err(ApiError::unsupported("n", message));
        }
        let stream = fields.flag("stream")?;
        let (nonce, assay) = assay(fields)?;
        if stream && assay.is_some() && prompts.len() > 1 {
            return Err(ApiError::unsupported("assay", "a stream with `assay` has one prompt"));
        }
        let include_usage = include_usage(fields, stream)?;
        let fingerprint = assay.is_some_and(|assay| assay.fingerprint);
        let how = Completion { fingerprint, ..how(form, fields, nonce)? };
        Ok(Self { form, model, prompts, choices, how, stream, include_usage, assay })
    }

    /// What the backend is asked, one for each answer, in the order of their index.
    pub fn completions(&self, caller: Hotkey) -> impl Iterator<Item = Completion> {
        let answers = self.prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt, self.choices));
        (0..).zip(answers).map(move |(index, prompt)| Completion {
            prompt: prompt.clone(),
            nonce: choice_nonce(&self.how.nonce, index),
            caller,
            ..self.how.clone()
        })
    }
}

fn how(form: Form, fields: &Fields, nonce: [u8; 32]) -> Result<Completion, ApiError> {
    let how = Completion {
        prompt: Prompt::Tokens(Vec::new()),
        temperature: fields.number("temperature", 1.0)?,
        top_k: top_k(fields)?,
        top_p: fields.number("top_p", 1.0)?,
        presence_penalty: fields.number("presence_penalty", 0.0)?,
        frequency_penalty: fields.number("frequency_penalty", 0.0)?,
        max_tokens: max_tokens(form, fields)?,
        stop: stop(fields)?,
        ignore_eos: fields.flag("ignore_eos")?,
        logprobs: logprobs(form, fields)?,
        fingerprint: false,
        caller: Hotkey([0; 32]),
        nonce,
    };
    how.params().check()?;
    Ok(how)
}

/// vLLM's: 0 and -1 keep all.
fn top_k(fields: &Fields) -> Result<usize, ApiError> {
    let Some(value) = fields.integer("top_k")? else { return Ok(0) };
    let wrong = || ApiError::parameter("top_k", "`top_k` must be -1, 0, or a number of tokens");
    if value == -1 { Ok(0) } else { u32::try_from(value).map(|value| value as usize).map_err(|_| wrong()) }
}

fn max_tokens(form: Form, fields: &Fields) -> Result<Option<usize>, ApiError> {
    let old = fields.count("max_tokens", 1, usize::MAX)?;
    let new = if form == Form::Chat { fields.count("max_completion_tokens", 1, usize::MAX)? } else { None };
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Err(ApiError::parameter("max_tokens", "`max_tokens` and `max_completion_tokens` differ; send one of them"))
        }
        _ => Ok(new.or(old).or((form == Form::Text).then_some(DEFAULT_TOKENS))),
    }
}

fn stop(fields: &Fields) -> Result<Vec<String>, ApiError> {
    let wrong = || {
        let message = format!("`stop` must be a text or up to {STOPS} texts, each of 1 to {STOP_BYTES} bytes");
        ApiError::parameter("stop", message)
    };
    let texts = match fields.get("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => {
            texts.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    let fit = texts.len() <= STOPS && texts.iter().all(|text| (1..=STOP_BYTES).contains(&text.len()));
    if fit { Ok(texts) } else { Err(wrong()) }
}

/// Chat says whether and how many; completions how many.
fn logprobs(form: Form, fields: &Fields) -> Result<Option<usize>, ApiError> {
    if form == Form::Text {
        return fields.count("logprobs", 0, ALTERNATIVES);
    }
    let (wanted, top) = (fields.flag("logprobs")?, fields.count("top_logprobs", 0, ALTERNATIVES)?);
    match (wanted, top) {
        (true, top) => Ok(Some(top.unwrap_or(0))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => Err(ApiError::parameter("top_logprobs", "`top_logprobs` needs `logprobs` to be true")),
    }
}

fn include_usage(fields: &Fields, stream: bool) -> Result<bool, ApiError> {
    let Some(options) = fields.object("stream_options")? else { return Ok(false) };
    if !stream {
        return Err(ApiError::parameter("stream_options", "`stream_options` needs `stream` to be true"));
    }
    match options.get("include_usage") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(wanted)) => Ok(*wanted),
        Some(_) => Err(ApiError::parameter("stream_options.include_usage", "`include_usage` must be true or false")),
    }
}

/// The nonce, from `assay.nonce`, from `seed`, or drawn; and what is asked of our own.
fn assay(fields: &Fields) -> Result<([u8; 32], Option<Assay>), ApiError> {
    let wrong = |message: &'static str| ApiError::parameter("assay", message);
    let (mut nonce, mut assay) = (None, None);
    if let Some(members) = fields.object("assay")? {
        let mut found = Assay::default();
        for (name, value) in members {
            let flag = |message| value.as_bool().ok_or_else(|| wrong(message));
            match name.as_str() {
                "nonce" => {
                    nonce = Some(digits(value).ok_or_else(|| wrong("`nonce` must be 64 lower-case hex digits"))?)
                }
                "token_ids" => found.token_ids = flag("`token_ids` must be true or false")?,
                "prompt_token_ids" => found.prompt_token_ids = flag("`prompt_token_ids` must be true or false")?,
                "fingerprint" => found.fingerprint = flag("`fingerprint` must be true or false")?,
                _ => {
                    let message =
                        "`assay` has `nonce`, `token_ids`, `prompt_token_ids` and `fingerprint`, nothing else";
                    return Err(wrong(message));
                }
            }
        }
        assay = Some(found);
    }
    let nonce = match (nonce, fields.integer("seed")?) {
        (Some(_), Some(_)) => return Err(ApiError::parameter("seed", "send `seed` or `assay.nonce`, not both")),
        (Some(nonce), None) => nonce,
        (None, Some(seed)) => nonce_of_seed(seed),
        (None, None) => super::random()?,
    };
    Ok((nonce, assay))
}

fn digits(value: &Value) -> Option<[u8; 32]> {
    let text = value.as_str().filter(|text| !text.bytes().any(|byte| byte.is_ascii_uppercase()))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
