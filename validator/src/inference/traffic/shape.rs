//! One recorded request without its words.

use proof::inference::Params;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::text::{Role, Texts, Theme};
use super::wrap::{Wrapped, wrap};
use super::{Asked, BODY_LIMIT, Probe, Prompt};

/// Members that a probe can have as they were recorded. A request with another one (several answers, tools, a format) has no probe like
/// it: either miners refuse it, or its answer cannot be checked.
const KNOWN: [&str; 20] = [
    "assay",
    "frequency_penalty",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "presence_penalty",
    "prompt",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_k",
    "top_logprobs",
];
/// More of them.
const KNOWN_TOO: [&str; 3] = ["n", "top_p", "user"];
/// Members that are made anew for each request.
const OURS: [&str; 5] = ["assay", "messages", "model", "prompt", "stream"];
/// What `/v1/completions` answers at most to a request that does not say.
const DEFAULT_TOKENS: u32 = 16;
/// Longest text that is given by its length; no body holds so much.
const CHARS: usize = 1 << 20;
/// Bytes of `assay` and `stream` in a body.
const WRAPPING: usize = 160;

/// A recorded request: everything but its words.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// All members but the words.
    members: Map<String, Value>,
    words: Words,
    params: Params,
    max_tokens: Option<u32>,
    stop: Vec<String>,
    alternatives: Option<u32>,
    /// Bytes that a body of this shape has, about.
    bytes: usize,
}

#[derive(Clone, Debug)]
enum Words {
    Chat(Vec<Turn>),
    Text(Length),
}

#[derive(Clone, Debug)]
struct Turn {
    /// The message; its content is put in place.
    members: Map<String, Value>,
    /// Whether the content is a list of one part.
    part: bool,
    role: Role,
    length: Length,
}

/// How long a text is; the text itself where it is kept.
#[derive(Clone, Debug)]
struct Length {
    chars: usize,
    kept: Option<String>,
}

impl Shape {
    /// Reads one request and gives its texts to `recorded`. `None` for one that no probe can be like.
    ///
    /// # Errors
    /// What is no request at all.
    pub fn read(line: &str, recorded: &mut Vec<(Role, String)>) -> Result<Option<Self>, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let Value::Object(mut members) = value else { return Err("it is no JSON object".into()) };
        let (messages, prompt) = (members.get("messages").cloned(), members.get("prompt").cloned());
        let known = |name: &String| KNOWN.contains(&name.as_str()) || KNOWN_TOO.contains(&name.as_str());
        let beyond = members.iter().any(|(name, value)| !value.is_null() && !known(name));
        if messages.is_none() && prompt.is_none() {
            return Err("it has neither `messages` nor `prompt`".into());
        }
        members.retain(|name, _| !OURS.contains(&name.as_str()));
        let mut texts = Vec::new();
        let words = match (messages, prompt) {
            (Some(Value::Array(messages)), None) => messages
                .into_iter()
                .map(|message| Turn::read(message, &mut texts))
                .collect::<Option<_>>()
                .map(Words::Chat),
            (None, Some(prompt)) => Length::read(&prompt, Role::Prompt, &mut texts).map(Words::Text),
            _ => None,
        };
        let shape = words.filter(|words| !words.is_empty() && !beyond).and_then(|words| Self::of(members, words));
        recorded.extend(shape.is_some().then_some(texts).into_iter().flatten());
        Ok(shape)
    }

    /// `None` where miners would refuse the request.
    fn of(mut members: Map<String, Value>, words: Words) -> Option<Self> {
        let chat = matches!(words, Words::Chat(_));
        let params = params(&members)?;
        let max_tokens = max_tokens(&members, chat)?;
        let (stop, alternatives) = (stop(&members)?, alternatives(&members, chat)?);
        let one = get(&members, "n").is_none_or(|count| count.as_u64() == Some(1));
        // Miners take options of streams with streams only, and every request is one.
        if get(&members, "seed").is_some_and(|seed| seed.as_i64().is_none()) || !one {
            return None;
        }
        // A caller's seed says which answer it wants again; a probe wants a new one.
        members.remove("seed");
        let bytes = Value::Object(members.clone()).to_string().len() + words.bytes() + WRAPPING;
        Some(Self { members, words, params, max_tokens, stop, alternatives, bytes })
    }

    /// Whether prompt and answer fit a context of so many tokens, and the body its limit. Two characters to a token leave
    /// room for small vocabularies.
    pub fn fits(&self, context: u32) -> bool {
        let (turns, chars) = match &self.words {
            Words::Chat(turns) => (turns.len(), turns.iter().map(|turn| turn.length.chars).sum()),
            Words::Text(length) => (0, length.chars),
        };
        let prompt = chars / 2 + 8 * turns + 16;
        let answer = self.max_tokens.map_or(64, |most| most as usize);
        prompt.saturating_add(answer) <= context as usize && self.bytes.saturating_mul(5) / 4 <= BODY_LIMIT
    }

    /// A new request of this shape.
    pub fn probe(&self, texts: &Texts, asked: &Asked, rng: &mut impl RngCore) -> Probe {
        let mut members = self.members.clone();
        let mut theme = Theme::default();
        let (path, prompt) = match &self.words {
            Words::Text(length) => {
                let text = length.text(Role::Prompt, texts, &mut theme, rng);
                members.insert("prompt".into(), text.clone().into());
                ("/v1/completions", Prompt::Text(text))
            }
            Words::Chat(turns) => {
                let (messages, plain): (Vec<_>, Vec<_>) =
                    turns.iter().map(|turn| turn.message(texts, &mut theme, rng)).unzip();
                members.insert("messages".into(), messages.into());
                ("/v1/chat/completions", Prompt::Chat(plain))
            }
        };
        let Wrapped { body, nonce, fingerprint } = wrap(members, &asked.id, asked.fingerprint, rng);
        let Self { params, max_tokens, stop, alternatives, .. } = self.clone();
        let answer_tokens = max_tokens.map_or(asked.answer_tokens, |most| most.min(asked.answer_tokens));
        Probe { path, body, prompt, params, max_tokens, answer_tokens, stop, alternatives, nonce, fingerprint }
    }
}

impl Words {
    fn is_empty(&self) -> bool {
        match self {
            Self::Chat(turns) => turns.is_empty(),
            Self::Text(length) => length.chars == 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Chat(turns) => turns.iter().map(|turn| turn.length.chars + 40).sum(),
            Self::Text(length) => length.chars + 16,
        }
    }
}

impl Turn {
    fn read(message: Value, texts: &mut Vec<(Role, String)>) -> Option<Self> {
        let Value::Object(mut members) = message else { return None };
        let role = match members.get("role")?.as_str()? {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return None,
        };
        let plain =
            members.iter().all(|(name, value)| matches!(name.as_str(), "role" | "content" | "name") || value.is_null());
        let content = members.remove("content").filter(|_| plain)?;
        let (part, content) = match content {
            Value::Array(mut parts) if parts.len() == 1 => {
                let part = parts.remove(0);
                (true, part.get("text").filter(|_| part.get("type").is_some_and(|kind| kind == "text"))?.clone())
            }
            other => (false, other),
        };
        Some(Self { members, part, role, length: Length::read(&content, role, texts)? })
    }

    /// The message as it is sent, and as chat templates know it.
    fn message(&self, texts: &Texts, theme: &mut Theme, rng: &mut impl RngCore) -> (Value, Value) {
        let text = self.length.text(self.role, texts, theme, rng);
        let role = match self.role {
            Role::System => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Prompt => "user",
        };
        let plain = json!({ "role": role, "content": text });
        let mut message = self.members.clone();
        let content = if self.part { json!([{ "type": "text", "text": text }]) } else { text.into() };
        message.insert("content".into(), content);
        (message.into(), plain)
    }
}

impl Length {
    /// A text, or the number of its characters.
    fn read(content: &Value, role: Role, texts: &mut Vec<(Role, String)>) -> Option<Self> {
        let Value::String(text) = content else {
            let chars = usize::try_from(content.as_u64()?).ok().filter(|chars| *chars <= CHARS)?;
            return Some(Self { chars, kept: None });
        };
        texts.push((role, text.clone()));
        // Applications send the same instructions with every request; new ones would be something new.
        let kept = (role == Role::System || text.is_empty()).then(|| text.clone());
        Some(Self { chars: text.chars().count(), kept })
    }

    fn text(&self, role: Role, texts: &Texts, theme: &mut Theme, rng: &mut impl RngCore) -> String {
        match &self.kept {
            Some(text) => text.clone(),
            // The same length stands for the same instructions.
            None if role == Role::System => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.chars as u64);
                texts.fresh(role, self.chars, &mut Theme::default(), &mut rng)
            }
            None => texts.fresh(role, self.chars, theme, rng),
        }
    }
}

/// A member, unless it is `null`, which is as good as absent.
fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

/// As miners read them: rounded once to f32, and in their ranges.
fn params(members: &Map<String, Value>) -> Option<Params> {
    let number =
        |name, default| get(members, name).map_or(Some(default), |value| value.as_f64().map(|value| value as f32));
    let top_k = match get(members, "top_k") {
        None => 0,
        Some(value) if value.as_i64() == Some(-1) => 0,
        Some(value) => u32::try_from(value.as_u64()?).ok()?,
    };
    let params = Params {
        temperature: number("temperature", 1.0)?,
        top_k,
        top_p: number("top_p", 1.0)?,
        presence_penalty: number("presence_penalty", 0.0)?,
        frequency_penalty: number("frequency_penalty", 0.0)?,
    };
    params.check().ok().map(|()| params)
}

/// The outer `None` for a request that miners refuse.
#[expect(clippy::option_option, reason = "refused, unlimited and limited are three cases")]
fn max_tokens(members: &Map<String, Value>, chat: bool) -> Option<Option<u32>> {
    let read = |name| match get(members, name) {
        None => Some(None),
        Some(value) => u32::try_from(value.as_u64()?).ok().filter(|most| *most > 0).map(Some),
    };
    let (old, new) = (read("max_tokens")?, if chat { read("max_completion_tokens")? } else { None });
    match (old, new) {
        (Some(old), Some(new)) if old != new => None,
        _ => Some(new.or(old).or((!chat).then_some(DEFAULT_TOKENS))),
    }
}

fn stop(members: &Map<String, Value>) -> Option<Vec<String>> {
    let texts = match get(members, "stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) => {
            texts.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        Some(_) => return None,
    };
    (texts.len() <= 4 && texts.iter().all(|text| (1..=1024).contains(&text.len()))).then_some(texts)
}

/// As for [`max_tokens`].
#[expect(clippy::option_option, reason = "refused, none and some are three cases")]
fn alternatives(members: &Map<String, Value>, chat: bool) -> Option<Option<u32>> {
    let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count <= 20);
    let (logprobs, top) = (get(members, "logprobs"), get(members, "top_logprobs"));
    match (chat, logprobs, top) {
        (false, None, _) => Some(None),
        (false, Some(value), _) => count(value).map(Some),
        (true, Some(Value::Bool(true)), top) => top.map_or(Some(0), count).map(Some),
        (true, None | Some(Value::Bool(false)), None) => Some(None),
        (true, ..) => None,
    }
}
