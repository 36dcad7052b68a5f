//! From the parts of a backend to the JSON of the API: chunk by chunk, or all at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::generation::{Finish, Token};
use proof::inference::{TokenChain, request_digest};
use serde::{Serialize, Serializer};

use super::logprobs::{ChatLogprobs, Logprobs, TextLogprobs};
use super::request::{Asked, Assay, Form};
use crate::inference::Identity;
use crate::inference::backend::{Completion, Delta, Logprob, Model};

/// One answer to one request, as far as it is there.
#[derive(Debug)]
pub struct Sheet {
    id: String,
    form: Form,
    created: u64,
    model: Model,
    fingerprint: Option<String>,
    include_usage: bool,
    assay: Option<Assay>,
    nonce: [u8; 32],
    identity: Identity,
    /// Answers to each prompt.
    choices_each: usize,
    prompts: Vec<PromptSeen>,
    choices: Vec<Choice>,
    /// Whether a chunk has told what the answer is bound to.
    bound: bool,
}

/// What became known of a prompt.
#[derive(Clone, Debug, Default)]
struct PromptSeen {
    tokens: usize,
    ids: Vec<u32>,
    digest: Option<[u8; 32]>,
}

/// One choice, as far as it is there.
#[derive(Debug)]
struct Choice {
    asked: Completion,
    chain: Option<TokenChain>,
    text: String,
    ids: Vec<u32>,
    /// In base64.
    fingerprints: Vec<String>,
    logprobs: Vec<Logprob>,
    /// Characters of the tokens that were shown.
    offset: usize,
    tokens: usize,
    finish: Option<Finish>,
}

/// How many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

#[derive(Serialize)]
struct Object<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: Option<&'a str>,
    choices: Vec<ChoiceObject<'a>>,
    /// The outer absence leaves the member out, the inner one is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assay: Option<AssayObject>,
}

#[derive(Default, Serialize)]
struct ChoiceObject<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Words<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Words<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assay: Option<ChoiceAssay<'a>>,
}

/// What is said, and by whom.
#[derive(Default, Serialize)]
struct Words<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceAssay<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token_ids: Option<&'a [u32]>,
    /// There with the ids; `null` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<Option<Hex>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a [String]>,
}

/// What the answer is bound to.
#[derive(Serialize)]
struct AssayObject {
    sampler: Option<&'static str>,
    nonce: Hex,
    request_digest: OneOrMany<Option<Hex>>,
    model_digest: Option<Hex>,
    /// There if asked for; `null` where the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_token_ids: Option<OneOrMany<Vec<u32>>>,
}

/// As many as prompts; of one prompt, without a list.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

struct Hex([u8; 32]);

// === impl Sheet ===

impl Sheet {
    /// An empty sheet for the answers of `completions`.
    #[must_use]
    pub fn new(
        id: String,
        created: u64,
        asked: &Asked,
        completions: Vec<Completion>,
        model: Model,
        identity: Identity,
    ) -> Self {
        let fingerprint = model.digest.map(|digest| format!("fp_{}", hex::encode(&digest[..8])));
        Self {
            id,
            form: asked.form,
            created,
            fingerprint,
            include_usage: asked.include_usage,
            assay: asked.assay,
            nonce: asked.how.nonce,
            identity,
            choices_each: asked.choices,
            prompts: vec![PromptSeen::default(); asked.prompts.len()],
            choices: completions.into_iter().map(Choice::new).collect(),
            bound: false,
            model,
        }
    }

    /// Takes a part of choice `index`.
    pub fn take(&mut self, index: usize, delta: Delta) {
        let (choice, prompt) = (&mut self.choices[index], &mut self.prompts[index / self.choices_each]);
        match delta {
            Delta::Begin { prompt_tokens, prompt_ids } => {
                if self.assay.is_some() && self.model.sampler.is_some() && !prompt_ids.is_empty() {
                    let digest = request_digest(&prompt_ids, &choice.asked.params());
                    choice.chain = Some(TokenChain::new(&self.identity.seed(&choice.asked, &digest)));
                    prompt.digest = Some(digest);
                }
                prompt.tokens = prompt_tokens;
                if self.assay.is_some_and(|assay| assay.prompt_token_ids) {
                    prompt.ids = prompt_ids;
                }
            }
            Delta::Text { text, tokens, logprobs } => {
                choice.text.push_str(&text);
                if choice.asked.logprobs.is_some() && logprobs.is_empty() {
                    choice.logprobs.extend(tokens.iter().map(unnamed));
                }
                choice.logprobs.extend(logprobs);
                if self.assay.is_some_and(|assay| assay.token_ids) {
                    choice.ids.extend(tokens.iter().map(|token| token.id));
                    if let Some(chain) = &mut choice.chain {
                        chain.extend(tokens.iter().map(|token| token.id));
                    }
                }
            }
            Delta::Fingerprint(fingerprint) => choice.fingerprints.push(STANDARD.encode(fingerprint.to_bytes())),
            Delta::End { finish, tokens } => (choice.finish, choice.tokens) = (Some(finish), tokens),
        }
    }

    /// Everything, once all choices have ended.
    #[must_use]
    pub fn response(&mut self) -> Vec<u8> {
        let usage = self.usage();
        let assay = self.binding();
        let (own, form) = (self.assay, self.form);
        let choices = self.choices.iter_mut().zip(0..).map(|(choice, index)| {
            let logprobs = choice.logprobs(form);
            let said = Words { role: Some("assistant"), content: Some(&choice.text) };
            ChoiceObject {
                index,
                message: (form == Form::Chat).then_some(said),
                text: (form == Form::Text).then_some(&choice.text),
                logprobs,
                finish_reason: choice.finish.map(reason),
                assay: own.and_then(|own| choice.assay(own.token_ids)),
                ..ChoiceObject::default()
            }
        });
        let choices = choices.collect();
        let object = if form == Form::Chat { "chat.completion" } else { "text_completion" };
        let mut bytes = Vec::with_capacity(1024);
        write(
            &mut bytes,
            &Object {
                choices,
                usage: Some(Some(usage)),
                assay,
                ..head(&self.id, object, self.created, &self.model.id, self.fingerprint.as_deref())
            },
        );
        bytes
    }

    /// Takes a part of choice `index` and writes the events that show it.
    pub fn chunk(&mut self, index: usize, delta: Delta, out: &mut Vec<u8>) {
        let (begins, ends) = (matches!(delta, Delta::Begin { .. }), matches!(delta, Delta::End { .. }));
        let waits = matches!(delta, Delta::Fingerprint(_));
        self.take(index, delta);
        if waits {
            // For the part that it belongs to, which is the next.
            return;
        }
        let assay = if begins && !self.bound {
            self.bound = true;
            self.binding()
        } else {
            None
        };
        let form = self.form;
        let choice = &mut self.choices[index];
        let silent = choice.text.is_empty() && choice.logprobs.is_empty() && choice.ids.is_empty();
        let silent = silent && choice.fingerprints.is_empty();
        if silent && !ends && assay.is_none() && !(begins && form == Form::Chat) {
            return;
        }
        let logprobs = if begins || ends { None } else { choice.logprobs(form) };
        let said = Words { role: begins.then_some("assistant"), content: (!ends).then_some(&choice.text) };
        let shown = ChoiceObject {
            index,
            delta: (form == Form::Chat).then_some(said),
            text: (form == Form::Text).then_some(&choice.text),
            logprobs,
            finish_reason: choice.finish.map(reason),
            assay: choice.assay(!choice.ids.is_empty()),
            ..ChoiceObject::default()
        };
        let head = head(&self.id, chunk_object(form), self.created, &self.model.id, self.fingerprint.as_deref());
        event(out, &Object { choices: vec![shown], usage: self.include_usage.then_some(None), assay, ..head });
        let choice = &mut self.choices[index];
        choice.text.clear();
        choice.ids.clear();
        choice.fingerprints.clear();
    }

    /// Writes the last events of a stream.
    pub fn close(&self, out: &mut Vec<u8>) {
        if self.include_usage {
            let head =
                head(&self.id, chunk_object(self.form), self.created, &self.model.id, self.fingerprint.as_deref());
            event(out, &Object { usage: Some(Some(self.usage())), ..head });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// A prompt counts once, however many answers it has.
    fn usage(&self) -> Usage {
        let prompt_tokens = self.prompts.iter().map(|prompt| prompt.tokens).sum();
        let completion_tokens = self.choices.iter().map(|choice| choice.tokens).sum();
        Usage { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    }

    fn binding(&self) -> Option<AssayObject> {
        let assay = self.assay?;
        let digests = self.prompts.iter().map(|prompt| prompt.digest.map(Hex)).collect();
        let ids = assay
            .prompt_token_ids
            .then(|| OneOrMany::of(self.prompts.iter().map(|prompt| prompt.ids.clone()).collect()));
        Some(AssayObject {
            sampler: self.model.sampler,
            nonce: Hex(self.nonce),
            request_digest: OneOrMany::of(digests),
            model_digest: self.model.digest.map(Hex),
            fingerprint: assay.fingerprint.then_some(self.model.fingerprint),
            prompt_token_ids: ids,
        })
    }
}

fn head<'a>(
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    fingerprint: Option<&'a str>,
) -> Object<'a> {
    Object {
        id,
        object,
        created,
        model,
        system_fingerprint: fingerprint,
        choices: Vec::new(),
        usage: None,
        assay: None,
    }
}

const fn chunk_object(form: Form) -> &'static str {
    match form {
        Form::Chat => "chat.completion.chunk",
        Form::Text => "text_completion",
    }
}

const fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// A token whose text only the server behind knows; vLLM writes such tokens like this.
fn unnamed(token: &Token) -> Logprob {
    let name = |id: u32| format!("token_id:{id}").into_bytes();
    let top = token.top.iter().map(|(id, logprob)| (name(*id), *logprob)).collect();
    Logprob { bytes: name(token.id), logprob: token.logprob, top }
}

fn event(out: &mut Vec<u8>, object: &Object<'_>) {
    out.extend_from_slice(b"data: ");
    write(out, object);
    out.extend_from_slice(b"\n\n");
}

fn write(out: &mut Vec<u8>, object: &Object<'_>) {
    // Text, numbers and lists of them always have a JSON form, and memory takes every byte.
    let _always = serde_json::to_writer(out, object);
}

// === impl Choice ===

impl Choice {
    fn new(asked: Completion) -> Self {
        let (text, ids, fingerprints, logprobs) = (String::new(), Vec::new(), Vec::new(), Vec::new());
        Self { asked, chain: None, text, ids, fingerprints, logprobs, offset: 0, tokens: 0, finish: None }
    }

    /// What there is of our own; whether ids are shown says the caller.
    fn assay(&self, ids: bool) -> Option<ChoiceAssay<'_>> {
        let fingerprint = (!self.fingerprints.is_empty()).then_some(&self.fingerprints[..]);
        (ids || fingerprint.is_some()).then(|| ChoiceAssay {
            token_ids: ids.then_some(&self.ids[..]),
            chain: ids.then(|| self.chain.as_ref().map(|chain| Hex(*chain.head()))),
            fingerprint,
        })
    }

    /// What was collected of them, if any were asked for.
    fn logprobs(&mut self, form: Form) -> Option<Logprobs> {
        self.asked.logprobs?;
        let tokens = std::mem::take(&mut self.logprobs);
        Some(match form {
            Form::Chat => Logprobs::Chat(ChatLogprobs::new(&tokens)),
            Form::Text => Logprobs::Text(TextLogprobs::new(&tokens, &mut self.offset)),
        })
    }
}

// === impl OneOrMany, Hex ===

impl<T> OneOrMany<T> {
    fn of(mut all: Vec<T>) -> Self {
        if all.len() == 1 { Self::One(all.remove(0)) } else { Self::Many(all) }
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}
