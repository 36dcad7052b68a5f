//! A validator of answers in the hands of a test: asks one miner, keeps the time, computes the answers again, and says what it
//! found.
//!
//! Written against the protocol and [`engine::check`] alone, so that it can contradict the validator proper.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use engine::check::{Checked, Claim, Placed, check};
use engine::generation::Sampling;
use engine::model::{Decoder, LoadOptions, ModelInfo, load};
use engine::text::Text;
use incentive::inference::deadline_us;
use incentive::policy::ModelPolicy;
use incentive::units::{Hotkey, NetUid};
use incentive::verdict::Fault;
use parking_lot::Mutex;
use proof::inference::{Params, TokenChain, request_digest, seed};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::caller::{Caller, Miner};

/// Tokens of a block.
pub const BLOCK: usize = 64;
/// The mean clipped margin, in logits, that no block of an honest miner reaches here: miner and checker compute with the same
/// instructions, so nothing but a choice between equals can differ.
pub const LIMIT: f32 = 0.01;
const PATH: &str = "/v1/chat/completions";

/// Asks and judges.
pub struct Examiner {
    caller: Caller,
    genesis: [u8; 32],
    netuid: NetUid,
    model: ModelPolicy,
    text: Text,
    info: ModelInfo,
    decoder: Arc<Mutex<Box<dyn Decoder>>>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Question {
    /// What a user says.
    pub words: String,
    /// How tokens are to be chosen.
    pub params: Params,
    /// Most tokens of the answer.
    pub max_tokens: usize,
    /// What the seed is derived from.
    pub nonce: [u8; 32],
    /// Whether a fingerprint is asked for.
    pub fingerprint: bool,
}

/// What came.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The status of HTTP.
    pub status: u16,
    /// Token ids, each with the microseconds from the question to the last byte of its chunk.
    pub tokens: Vec<(u32, u64)>,
    /// The object `assay` of the first chunk.
    pub bound: Value,
    /// The last head of the chain.
    pub chain: Value,
    /// Every fingerprint, as it came.
    pub fingerprints: Vec<String>,
    /// Why it ended.
    pub finish: Option<String>,
}

/// A question with its answer.
pub type Talk = (Question, Heard);

// === impl Examiner ===

impl Examiner {
    /// One that asks as `caller`, with a copy of the model of its own.
    ///
    /// # Errors
    /// When the model cannot be loaded.
    pub fn new(
        caller: Caller,
        genesis: [u8; 32],
        netuid: NetUid,
        model: ModelPolicy,
        path: &std::path::Path,
    ) -> Result<Self> {
        let decoder = load(path, &LoadOptions::default())?.decoder;
        let (text, info) = (Text::load(path)?, decoder.info().clone());
        Ok(Self { caller, genesis, netuid, model, text, info, decoder: Arc::new(Mutex::new(decoder)) })
    }

    /// Who asks.
    #[must_use]
    pub fn hotkey(&self) -> Hotkey {
        self.caller.key.hotkey()
    }

    /// Width of a hidden state.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.info.hidden
    }

    /// What is agreed about the model.
    #[must_use]
    pub const fn policy(&self) -> &ModelPolicy {
        &self.model
    }

    /// Asks and listens to the end.
    ///
    /// # Errors
    /// When nobody answers, or what comes is no stream.
    pub async fn ask(&self, miner: &Miner, question: &Question) -> Result<Heard> {
        let body = serde_json::to_vec(&question.body(&self.model.id))?;
        let begun = Instant::now();
        let mut answer = self.caller.post(miner, PATH, body).await?;
        let mut heard = Heard { status: answer.status().as_u16(), ..Heard::default() };
        if heard.status != 200 {
            return Ok(heard);
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            let now = u64::try_from(begun.elapsed().as_micros())?;
            while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = bytes.drain(..end + 2).collect();
                heard.take(event.strip_prefix(b"data: ").context("an event")?, now)?;
            }
        }
        Ok(heard)
    }

    /// The prompt as the model reads it.
    ///
    /// # Errors
    /// When there is no chat template.
    pub fn prompt(&self, question: &Question) -> Result<Vec<u32>> {
        Ok(self.text.chat(&question.messages())?)
    }

    /// One prefill over prompt and answer.
    ///
    /// # Errors
    /// When the answer is no sequence of the model.
    pub fn check(&self, miner: &Hotkey, (question, heard): &Talk, hidden: bool) -> Result<Checked> {
        let prompt = self.prompt(question)?;
        let seed = self.seed(miner, question, &prompt);
        let sampling = Sampling::seeded(&question.params, seed);
        let answer = heard.ids();
        let stop = self.text.stop_tokens();
        let claim = Claim { prompt: &prompt, answer: &answer, sampling: &sampling, stop, hidden };
        Ok(check(self.decoder.lock().as_mut(), 0, &claim)?)
    }

    fn seed(&self, miner: &Hotkey, question: &Question, prompt: &[u32]) -> [u8; 32] {
        let request = request_digest(prompt, &question.params);
        seed(&self.genesis, self.netuid, &self.hotkey(), miner, &question.nonce, &request)
    }

    /// What all answers of one miner come to.
    ///
    /// # Errors
    /// When an answer is no sequence of the model.
    pub fn judge(&self, miner: &Hotkey, talks: &[Talk]) -> Result<Option<Fault>> {
        if talks.iter().all(|(_, heard)| heard.status == 404) {
            return Ok(Some(Fault::NotServed));
        }
        if talks.iter().any(|(_, heard)| heard.tokens.is_empty()) {
            return Ok(Some(Fault::NoAnswer));
        }
        let (mut late, mut means) = (true, Margins::default());
        for talk in talks {
            let prompt = self.prompt(&talk.0)?;
            if !self.is_bound(miner, talk, &prompt) {
                return Ok(Some(Fault::WrongBinding));
            }
            late &= self.is_late(prompt.len(), &talk.1)?;
            let checked = self.check(miner, talk, false)?;
            means.take(talk.0.params.temperature, &checked.tokens);
        }
        let wrong = means.blocks().into_iter().any(|mean| mean > LIMIT);
        Ok(if late { Some(Fault::Late) } else { wrong.then_some(Fault::WrongTokens) })
    }

    fn is_bound(&self, miner: &Hotkey, (question, heard): &Talk, prompt: &[u32]) -> bool {
        let mut chain = TokenChain::new(&self.seed(miner, question, prompt));
        chain.extend(heard.ids());
        heard.bound["request_digest"] == hex::encode(request_digest(prompt, &question.params))
            && heard.bound["nonce"] == hex::encode(question.nonce)
            && heard.bound["model_digest"] == hex::encode(self.info.digest)
            && heard.chain == hex::encode(chain.head())
    }

    /// Whether no token came before its deadline.
    fn is_late(&self, prompt: usize, heard: &Heard) -> Result<bool> {
        let prompt = u32::try_from(prompt)?;
        Ok((0..).zip(&heard.tokens).all(|(index, (_, arrived))| *arrived > deadline_us(&self.model, prompt, index)))
    }
}

/// Margins of many answers in a row, clipped at twice their temperature.
#[derive(Clone, Debug, Default)]
pub struct Margins(Vec<f32>);

impl Margins {
    /// Adds those of an answer.
    pub fn take(&mut self, temperature: f32, tokens: &[Placed]) {
        let most = 2.0 * temperature;
        self.0.extend(tokens.iter().map(|token| token.margin.map_or(most, |margin| margin.min(most))));
    }

    /// The mean of each whole block; of all, where there is none.
    #[must_use]
    pub fn blocks(&self) -> Vec<f32> {
        let mean = |block: &[f32]| block.iter().sum::<f32>() / block.len() as f32;
        if self.0.len() < BLOCK { vec![mean(&self.0)] } else { self.0.chunks_exact(BLOCK).map(mean).collect() }
    }
}

// === impl Question, Heard ===

impl Question {
    fn messages(&self) -> Vec<Value> {
        vec![json!({ "role": "user", "content": self.words })]
    }

    /// The request as any client would write it, but for `assay`.
    fn body(&self, model: &str) -> Value {
        let mut assay = json!({ "nonce": hex::encode(self.nonce), "token_ids": true });
        if self.fingerprint {
            assay["fingerprint"] = true.into();
        }
        json!({
            "model": model,
            "messages": self.messages(),
            "stream": true,
            "temperature": self.params.temperature,
            "top_k": self.params.top_k,
            "top_p": self.params.top_p,
            "presence_penalty": self.params.presence_penalty,
            "frequency_penalty": self.params.frequency_penalty,
            "max_tokens": self.max_tokens,
            "assay": assay,
        })
    }
}

impl Heard {
    /// Its tokens.
    #[must_use]
    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|(id, _)| *id).collect()
    }

    fn take(&mut self, event: &[u8], now: u64) -> Result<()> {
        if event.starts_with(b"[DONE]") {
            return Ok(());
        }
        let event: Value = serde_json::from_slice(event)?;
        if let Some(message) = event["error"]["message"].as_str() {
            bail!("the stream broke off: {message}");
        }
        if event["assay"].is_object() {
            self.bound = event["assay"].clone();
        }
        let choice = &event["choices"][0];
        if let Some(ids) = choice["assay"]["token_ids"].as_array() {
            self.tokens.extend(ids.iter().filter_map(|id| Some((u32::try_from(id.as_u64()?).ok()?, now))));
            self.chain = choice["assay"]["chain"].clone();
        }
        let prints = choice["assay"]["fingerprint"].as_array().into_iter().flatten();
        self.fingerprints.extend(prints.filter_map(|print| Some(print.as_str()?.to_owned())));
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        Ok(())
    }
}
