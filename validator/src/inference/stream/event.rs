//! One event of an answer: what is needed of it, and nothing else. The text is passed over; ids are what is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::generation::Finish;
use incentive::verdict::Fault;
use proof::fingerprint::Fingerprint;
use proof::inference::SAMPLER;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Binding;

/// What an event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Event {
    pub binding: Option<Binding>,
    pub ids: Vec<u32>,
    pub chain: Option<[u8; 32]>,
    pub fingerprints: Vec<Fingerprint>,
    pub finish: Option<Finish>,
    /// Nothing follows: the mark of the end, or the miner reports that it failed.
    pub over: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    assay: Option<Assay>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    finish_reason: Option<Reason>,
    #[serde(default)]
    assay: Option<ChoiceAssay>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Stop,
    Length,
}

#[derive(Deserialize)]
struct ChoiceAssay {
    #[serde(default)]
    token_ids: Vec<u32>,
    #[serde(default)]
    chain: Option<Hex>,
    #[serde(default)]
    fingerprint: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Assay {
    #[serde(default)]
    sampler: Option<String>,
    nonce: Hex,
    #[serde(default)]
    request_digest: Option<Hex>,
    #[serde(default)]
    model_digest: Option<Hex>,
}

/// 64 hexadecimal digits.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Hex([u8; 32]);

impl TryFrom<String> for Hex {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// Reads the data of one event.
pub(super) fn parse(data: &str) -> Result<Event, Fault> {
    if data == "[DONE]" {
        return Ok(Event { over: true, ..Event::default() });
    }
    // A list would be taken for a struct without names.
    if !data.trim_start().starts_with('{') {
        return Err(Fault::Malformed);
    }
    let Chunk { error, choices, assay } = serde_json::from_str(data).map_err(|_| Fault::Malformed)?;
    let mut event = Event { over: error.is_some(), binding: assay.map(Binding::from), ..Event::default() };
    let mut choices = choices.into_iter();
    let (first, None) = (choices.next(), choices.next()) else { return Err(Fault::Malformed) };
    let Some(Choice { index, finish_reason, assay }) = first else { return Ok(event) };
    if index != 0 {
        return Err(Fault::Malformed);
    }
    event.finish = finish_reason.map(|reason| match reason {
        Reason::Stop => Finish::Stop,
        Reason::Length => Finish::Length,
    });
    if let Some(ChoiceAssay { token_ids, chain, fingerprint }) = assay {
        event.ids = token_ids;
        event.chain = chain.map(|Hex(head)| head);
        event.fingerprints =
            fingerprint.unwrap_or_default().iter().map(|text| decode(text)).collect::<Result<_, _>>()?;
    }
    Ok(event)
}

fn decode(text: &str) -> Result<Fingerprint, Fault> {
    let bytes = STANDARD.decode(text).map_err(|_| Fault::Malformed)?;
    Fingerprint::from_bytes(&bytes).map_err(|_| Fault::Malformed)
}

impl From<Assay> for Binding {
    fn from(assay: Assay) -> Self {
        let Assay { sampler, nonce, request_digest, model_digest } = assay;
        Self {
            request: request_digest.map(|Hex(digest)| digest),
            nonce: nonce.0,
            model: model_digest.map(|Hex(digest)| digest),
            seeded: sampler.as_deref() == Some(SAMPLER),
        }
    }
}
