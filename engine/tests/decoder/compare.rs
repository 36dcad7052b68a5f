//! A loaded decoder against a file of expected results.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::model::{Decoder, Segment, Want};
use serde_json::Value;

use super::{argmax, difference};

/// The largest differences over all prompts of a file.
#[derive(Debug, Default)]
pub struct Report {
    /// Logits up to position 256, and beyond.
    pub logits: [f32; 2],
    /// Sum and number of the differences of full rows.
    mean: [f64; 2],
    /// Largest logit.
    pub scale: f32,
    pub logsumexp: f32,
    pub logprobs: f32,
    pub hidden: f32,
    /// Positions with another most likely token, of how many.
    pub argmax: [usize; 2],
    /// Greedy tokens that differ, of how many.
    pub greedy: [usize; 2],
    pub greedy_logprobs: f32,
    /// Cached steps against one prefill of the same ids.
    pub cached: f32,
}

impl Report {
    pub fn mean(&self) -> f32 {
        (self.mean[0] / self.mean[1].max(1.0)) as f32
    }

    /// What is beyond the bounds of f32 arithmetic.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let bound = 1e-4 * self.scale;
        let mut most = |name: &str, value: f32, most: f32| {
            if value > most {
                faults.push(format!("{name} differ by {value:e}, allowed is {most:e}"));
            }
        };
        most("logits", self.logits[0], bound.min(5e-4));
        most("logits beyond 256", self.logits[1], bound.min(1e-3));
        most("log sums", self.logsumexp, 5e-4);
        most("log probabilities", self.logprobs, 5e-4);
        most("hidden states", self.hidden, 2e-4);
        most("log probabilities of greedy tokens", self.greedy_logprobs, 1e-3);
        most("cached logits", self.cached, 0.0);
        most("most likely tokens", self.argmax[0] as f32, 0.0);
        most("greedy tokens", self.greedy[0] as f32, 0.0);
        faults
    }
}

pub fn floats(base64: &Value) -> Vec<f32> {
    let bytes = STANDARD.decode(base64.as_str().expect("base64")).expect("base64");
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

pub fn ids(value: &Value) -> Vec<u32> {
    value.as_array().expect("ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

pub fn log_sum(row: &[f32]) -> f32 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter().map(|logit| f64::from(logit - largest).exp()).sum::<f64>().ln() as f32 + largest
}

/// Every prompt of the file.
pub fn compare(decoder: &mut dyn Decoder, expected: &Value) -> Report {
    let mut report = Report::default();
    for prompt in list(expected, "prompts") {
        decoder.truncate(0, 0);
        let ids = ids(&prompt["ids"]);
        let output = decoder.forward(&[Segment { slot: 0, ids: &ids, want: Want::All }]).expect("it runs").remove(0);
        let rows: Vec<&[f32]> = output.logits.chunks(decoder.info().vocabulary).collect();
        let states: Vec<&[f32]> = output.hidden.chunks(decoder.info().hidden).collect();
        positions(&mut report, prompt, &ids, &rows);
        for state in list(prompt, "hidden_post_norm") {
            let at = state["position"].as_u64().expect("a position") as usize;
            report.hidden = report.hidden.max(difference(states[at], &floats(&state["b64"])));
        }
        greedy(&mut report, decoder, prompt, &ids, rows[rows.len() - 1].to_vec());
    }
    assert!(report.argmax[1] > 0, "the file compares nothing");
    report
}

fn positions(report: &mut Report, prompt: &Value, ids: &[u32], rows: &[&[f32]]) {
    for full in list(prompt, "full_rows") {
        let at = full["position"].as_u64().expect("a position") as usize;
        let expected = floats(&full["logits_b64"]);
        let worst = &mut report.logits[usize::from(at >= 256)];
        *worst = worst.max(difference(rows[at], &expected));
        report.scale = expected.iter().fold(report.scale, |scale, logit| scale.max(logit.abs()));
        report.mean[0] += rows[at].iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
        report.mean[1] += expected.len() as f64;
    }
    for (at, top) in list(prompt, "top8").iter().enumerate() {
        let worst = &mut report.logits[usize::from(at >= 256)];
        for (id, logit) in top[0].as_array().expect("ids").iter().zip(top[1].as_array().expect("logits")) {
            let off = (rows[at][id.as_u64().expect("an id") as usize] - number(logit)).abs();
            *worst = if off.is_nan() { f32::INFINITY } else { worst.max(off) };
        }
        report.argmax[0] += usize::from(u64::from(argmax(rows[at])) != top[0][0].as_u64().expect("an id"));
        report.argmax[1] += 1;
    }
    for (at, expected) in list(prompt, "logsumexp").iter().enumerate() {
        report.logsumexp = report.logsumexp.max((log_sum(rows[at]) - number(expected)).abs());
    }
    for (at, expected) in list(prompt, "prompt_logprobs").iter().enumerate() {
        let found = rows[at][ids[at + 1] as usize] - log_sum(rows[at]);
        report.logprobs = report.logprobs.max((found - number(expected)).abs());
    }
}

/// Token by token with the cache, then all at once without it.
fn greedy(report: &mut Report, decoder: &mut dyn Decoder, prompt: &Value, prefix: &[u32], mut row: Vec<f32>) {
    let expected = ids(&prompt["greedy"]["ids"]);
    let (mut sequence, mut cached) = (prefix.to_vec(), Vec::new());
    for (step, id) in expected.iter().enumerate() {
        let found = argmax(&row);
        report.greedy[0] += usize::from(found != *id);
        report.greedy[1] += 1;
        if let Some(logprob) = list(&prompt["greedy"], "logprobs").get(step) {
            let off = (row[*id as usize] - log_sum(&row) - number(logprob)).abs();
            report.greedy_logprobs = report.greedy_logprobs.max(off);
        }
        // Always the expected one, so that one early difference does not make all later ones.
        sequence.push(*id);
        row = decoder.forward(&[Segment { slot: 0, ids: &[*id], want: Want::Last }]).expect("it runs").remove(0).logits;
        cached.extend_from_slice(&row);
    }
    decoder.truncate(0, 0);
    let whole = decoder.forward(&[Segment { slot: 0, ids: &sequence, want: Want::All }]).expect("it runs").remove(0);
    let whole = &whole.logits[prefix.len() * decoder.info().vocabulary..];
    report.cached = report.cached.max(difference(&cached, whole));
}
