//! A request as numbers: its members and how they are written, its lengths, its text, its nonce.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Members that are looked at one by one.
const MEMBERS: [&str; 20] = [
    "assay",
    "frequency_penalty",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "n",
    "presence_penalty",
    "prompt",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
];
/// Places for hashed words, and for hashed pairs of words.
const WORDS: usize = 128;

/// The features of a body; always as many. A body that is no JSON object has none but zeros.
#[must_use]
pub fn features(body: &[u8]) -> Vec<f64> {
    let text = String::from_utf8_lossy(body);
    let members = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let mut row = vec![(body.len() as f64).ln_1p(), members.len() as f64];
    MEMBERS.iter().for_each(|name| member(&mut row, &text, name, members.get(*name)));
    let texts = texts(&members);
    conversation(&mut row, &texts);
    let said: Vec<_> = texts.iter().map(|(_, text)| *text).collect();
    prose(&mut row, &said.join("\n"));
    nonce(&mut row, &members);
    row
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

/// Whether it is there, its value, how its number is written, and where it stands.
fn member(row: &mut Vec<f64>, body: &str, name: &str, value: Option<&Value>) {
    let number = value.and_then(Value::as_f64).unwrap_or_default();
    let written = value.filter(|value| value.is_number()).map(ToString::to_string).unwrap_or_default();
    let place = body.find(&format!("\"{name}\":")).map_or(0.0, |place| place as f64);
    row.extend([
        flag(value.is_some()),
        flag(value.is_some_and(Value::is_null)),
        number,
        (number.abs()).ln_1p(),
        flag(written.contains('.')),
        written.len() as f64,
        value.and_then(Value::as_array).map_or(0, Vec::len) as f64,
        place.ln_1p(),
    ]);
}

/// Who says what. A list of parts counts as its texts.
fn texts(members: &Map<String, Value>) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    if let Some(Value::String(prompt)) = members.get("prompt") {
        found.push(("prompt", prompt.as_str()));
    }
    for message in members.get("messages").and_then(Value::as_array).into_iter().flatten() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        match message.get("content") {
            Some(Value::String(text)) => found.push((role, text.as_str())),
            Some(Value::Array(parts)) => {
                found.extend(parts.iter().filter_map(|part| Some((role, part.get("text")?.as_str()?))));
            }
            _ => {}
        }
    }
    found
}

fn conversation(row: &mut Vec<f64>, texts: &[(&str, &str)]) {
    for role in ["system", "developer", "user", "assistant", "prompt"] {
        let own: Vec<_> = texts.iter().filter(|(of, _)| *of == role).map(|(_, text)| *text).collect();
        let chars: usize = own.iter().map(|text| text.chars().count()).sum();
        let last = own.last().map_or(0, |text| text.chars().count());
        row.extend([own.len() as f64, (chars as f64).ln_1p(), (last as f64).ln_1p()]);
    }
}

/// Letters, words and what repeats.
fn prose(row: &mut Vec<f64>, text: &str) {
    let chars = text.chars().count().max(1) as f64;
    let share = |is: fn(char) -> bool| text.chars().filter(|c| is(*c)).count() as f64 / chars;
    row.extend([
        share(char::is_uppercase),
        share(|c| c.is_ascii_digit()),
        share(|c| c.is_ascii_punctuation()),
        share(|c| c == '\n'),
        share(char::is_whitespace),
        share(|c| !c.is_ascii()),
        share(|c| c == '?'),
        share(|c| c == '.'),
    ]);
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let count = words.len().max(1) as f64;
    let long = words.iter().map(|word| word.chars().count()).sum::<usize>() as f64;
    let marks = text.matches(['.', '?', '!']).count().max(1) as f64;
    row.extend([count.ln(), long / count, count / marks]);
    row.extend((1..=4).map(|size| repeated(&words, size)));
    row.extend(hashed(words.iter().map(|word| word.to_lowercase())));
    row.extend(hashed(words.windows(2).map(|pair| pair.join(" ").to_lowercase())));
}

/// The share of runs of so many words that were there before.
fn repeated(words: &[&str], size: usize) -> f64 {
    let mut seen: HashMap<&[&str], usize> = HashMap::new();
    words.windows(size).for_each(|run| *seen.entry(run).or_default() += 1);
    let all = words.len().saturating_sub(size - 1).max(1) as f64;
    1.0 - seen.len() as f64 / all
}

fn hashed(words: impl Iterator<Item = String>) -> Vec<f64> {
    let mut places = vec![0.0_f64; WORDS];
    for word in words {
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        places[(hash >> 32) as usize % WORDS] += 1.0;
    }
    places.into_iter().map(f64::ln_1p).collect()
}

/// Whether the nonce looks drawn: the mean of its bytes, its most frequent digit, its first byte.
fn nonce(row: &mut Vec<f64>, members: &Map<String, Value>) {
    let assay = members.get("assay").and_then(Value::as_object);
    let nonce = assay.and_then(|assay| assay.get("nonce")).and_then(Value::as_str).unwrap_or_default();
    let digits: Vec<_> = nonce.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let mut counts = [0_u32; 16];
    digits.iter().for_each(|digit| counts[*digit as usize] += 1);
    let mean = f64::from(digits.iter().sum::<u32>()) / digits.len().max(1) as f64;
    let most = counts.into_iter().max().unwrap_or_default();
    row.extend([nonce.len() as f64, mean, f64::from(most), f64::from(digits.first().copied().unwrap_or_default())]);
    row.extend([assay.map_or(0, Map::len) as f64, flag(assay.is_some_and(|assay| assay.contains_key("fingerprint")))]);
}
