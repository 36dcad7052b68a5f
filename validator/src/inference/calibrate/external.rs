//! Answers of other engines, from a file: one JSON object on a line. Files are the operator's own; they are bounded and checked
//! all the same.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use engine::generation::Sampling;
use proof::inference::Params;
use serde::Deserialize;

use super::answers::Answer;

/// Bytes of a line, and lines of a file.
const LINE_MAX: usize = 1 << 20;
const LINES_MAX: usize = 1_000_000;

/// A line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Which engine: answers with the same text form one pair.
    engine: String,
    prompt: Vec<u32>,
    answer: Vec<u32>,
    params: Parameters,
    /// 64 hexadecimal digits.
    seed: String,
    #[serde(rename = "finish")]
    _finish: Finish,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    temperature: f32,
    top_k: u32,
    top_p: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Finish {
    Stop,
    Length,
}

/// The answers of a file, by engine.
///
/// # Errors
/// When the file cannot be read, or a line is none: names it.
pub fn read(path: &Path) -> Result<BTreeMap<String, Vec<Answer>>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut engines: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for number in 1.. {
        let mut line = Vec::new();
        let bytes = reader.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line)?;
        if bytes == 0 {
            break;
        }
        let place = || format!("{}, line {number}", path.display());
        ensure!(bytes <= LINE_MAX, "{}: more than {LINE_MAX} bytes", place());
        ensure!(number <= LINES_MAX, "{}: more than {LINES_MAX} answers", place());
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (engine, answer) = parse(&line).with_context(place)?;
        engines.entry(engine).or_default().push(answer);
    }
    ensure!(!engines.is_empty(), "{} holds no answers", path.display());
    Ok(engines)
}

fn parse(line: &[u8]) -> Result<(String, Answer)> {
    let Line { engine, prompt, answer, params, seed, .. } = serde_json::from_slice(line)?;
    let named = (1..=64).contains(&engine.chars().count()) && !engine.chars().any(char::is_control);
    ensure!(named, "`engine` is 1 to 64 printable characters");
    ensure!(!prompt.is_empty() && !answer.is_empty(), "a prompt and an answer have at least one token");
    let mut bytes = [0; 32];
    hex::decode_to_slice(&seed, &mut bytes).ok().context("`seed` is 64 hexadecimal digits")?;
    let Parameters { temperature, top_k, top_p, presence_penalty, frequency_penalty } = params;
    let params = Params { temperature, top_k, top_p, presence_penalty, frequency_penalty };
    params.check()?;
    Ok((engine, Answer { prompt, sampling: Sampling::seeded(&params, bytes), ids: answer, fingerprints: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"engine": "other 1.0", "prompt": [1, 2], "answer": [3], "params": {"temperature": 1.0, "top_k": 0,
        "top_p": 1.0, "presence_penalty": 0, "frequency_penalty": 0}, "seed": "SEED", "finish": "length"}"#;

    fn line() -> String {
        LINE.replace('\n', "").replace("SEED", &"ab".repeat(32))
    }

    #[test]
    fn answers_are_sorted_by_engine() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("answers.jsonl");
        let second = line().replace("other", "third");
        std::fs::write(&path, format!("{}\n\n{second}\n{}", line(), line())).expect("it can be written");
        let engines = read(&path).expect("they are answers");
        let counts: Vec<_> = engines.iter().map(|(name, answers)| (name.as_str(), answers.len())).collect();
        assert_eq!(counts, [("other 1.0", 2), ("third 1.0", 1)]);
        assert_eq!(engines["other 1.0"][0].sampling.seed, [0xab; 32]);
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("answers.jsonl");
        for (wrong, named) in [
            (line().replace("\"finish\"", "\"more\": 1, \"finish\""), "more"),
            (line().replace("abab", "xbab"), "64 hexadecimal digits"),
            (line().replace("[3]", "[]"), "at least one token"),
            (line().replace("[3]", "[-3]"), "line 2"),
            (line().replace("other 1.0", ""), "1 to 64"),
            (line().replace("\"temperature\": 1.0", "\"temperature\": 9"), "temperature"),
            ("[".repeat(2000), "line 2"),
            (" ".repeat(LINE_MAX + 1), "more than"),
        ] {
            std::fs::write(&path, format!("{}\n{wrong}\n", line())).expect("it can be written");
            let error = format!("{:#}", read(&path).expect_err(named));
            assert!(error.contains(named) && error.contains("line 2"), "{error}");
        }
        std::fs::write(&path, "\n").expect("it can be written");
        assert!(read(&path).expect_err("empty").to_string().contains("no answers"));
    }
}
