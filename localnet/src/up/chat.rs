//! The model that miners serve, and a conversation with each of the honest ones.
//!
//! What validators measure is paid; this asks as any client would, with an API key, and reports what came.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sp_crypto_hashing::sha2_256;
use tokio::process::Command;

/// The model's name in requests.
pub const MODEL: &str = "tiny";
/// Tokens of an answer.
const TOKENS: usize = 16;
/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(2);
/// How long an answer may take while everything shares a machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the miners serve, and the key that opens it.
#[derive(Debug)]
pub struct Served {
    folder: PathBuf,
    keys: PathBuf,
    key: String,
}

/// A miner and what it has answered so far.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// Its name in the table.
    pub name: String,
    /// Where it answers.
    pub address: SocketAddr,
    /// Answers.
    pub answers: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Tokens per second of the last one, with the time until its first.
    pub tokens_per_second: f64,
    /// Why the last question got no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Questions that go on until this is dropped.
#[derive(Debug)]
pub struct Chats {
    lines: Arc<Mutex<Vec<Line>>>,
    task: tokio::task::JoinHandle<()>,
}

// === impl Served ===

impl Served {
    /// Has the miner make a small model of random weights, and draws an API key.
    ///
    /// # Errors
    /// When the miner cannot, in its own words.
    pub async fn make(miner: &Path, base: &Path) -> Result<Self> {
        let (folder, keys) = (base.join("model"), base.join("api-keys"));
        let args: [OsString; 4] = ["models".into(), "make".into(), "tiny".into(), folder.clone().into()];
        let output = Command::new(miner).args(args).output().await.context("cannot make the model")?;
        if !output.status.success() {
            bail!("the miner cannot make the model:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        // It opens a random model on this machine for as long as the run lasts.
        let key = format!("local-{}", std::process::id());
        std::fs::write(&keys, hex::encode(sha2_256(key.as_bytes())) + "\n")
            .with_context(|| format!("cannot write {}", keys.display()))?;
        Ok(Self { folder, keys, key })
    }

    /// Where the model lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The section of a miner's configuration.
    #[must_use]
    pub fn config(&self) -> String {
        let (folder, keys) = (self.folder.display(), self.keys.display());
        format!(
            "[inference]\napi_keys_file = '{keys}'\n\n[[inference.models]]\nsource = \"local\"\nid = \"{MODEL}\"\n\
             path = '{folder}'\nslots = 16\n"
        )
    }

    /// What a person types to talk to a miner.
    #[must_use]
    pub fn example(&self, address: SocketAddr) -> String {
        let body = r#"{"model":"tiny","messages":[{"role":"user","content":"Hello"}],"max_tokens":16}"#;
        format!(
            "curl http://{address}/v1/chat/completions -H 'Authorization: Bearer {}' \\\n     \
             -H 'Content-Type: application/json' -d '{body}'",
            self.key
        )
    }

    /// Starts to ask the miners, one after the other.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub fn chat(&self, miners: Vec<(String, SocketAddr)>) -> Result<Chats> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let line =
            |(name, address)| Line { name, address, answers: 0, tokens: 0, tokens_per_second: 0.0, problem: None };
        let lines = Arc::new(Mutex::new(miners.into_iter().map(line).collect::<Vec<_>>()));
        let (key, shared) = (self.key.clone(), Arc::clone(&lines));
        let task = tokio::spawn(async move {
            for question in 0u64.. {
                let addresses: Vec<SocketAddr> = shared.lock().iter().map(|line| line.address).collect();
                for (index, address) in addresses.into_iter().enumerate() {
                    let answer = ask(&http, address, &key, question).await;
                    shared.lock()[index].note(answer);
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Chats { lines, task })
    }
}

// === impl Line ===

impl Line {
    fn note(&mut self, answer: Result<(u64, f64)>) {
        match answer {
            Ok((tokens, seconds)) => {
                self.answers += 1;
                self.tokens += tokens;
                self.tokens_per_second = tokens as f64 / seconds;
                self.problem = None;
            }
            Err(error) => self.problem = Some(format!("{error:#}")),
        }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.problem {
            Some(problem) => write!(f, "{}: {problem}", self.name),
            None => write!(f, "{}: {} answers, {:.0} tokens/s", self.name, self.answers, self.tokens_per_second),
        }
    }
}

// === impl Chats ===

impl Chats {
    /// What was answered so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().clone()
    }
}

impl Drop for Chats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One short conversation: tokens of the answer, and seconds from the question to its last.
async fn ask(http: &reqwest::Client, address: SocketAddr, key: &str, question: u64) -> Result<(u64, f64)> {
    let start = Instant::now();
    let body = json!({
        "model": MODEL,
        "messages": [{ "role": "user", "content": format!("Question {question}") }],
        "max_tokens": TOKENS,
        "ignore_eos": true,
        "assay": { "token_ids": true },
    });
    let request = http.post(format!("http://{address}/v1/chat/completions")).bearer_auth(key).json(&body);
    let response = request.send().await.context("no answer")?;
    let status = response.status();
    let answer: Value = response.json().await.context("no JSON")?;
    ensure!(status.is_success(), "{status}: {}", answer["error"]["message"].as_str().unwrap_or_default());
    let ids = answer["choices"][0]["assay"]["token_ids"].as_array().map_or(0, Vec::len);
    ensure!(ids == TOKENS, "{ids} token ids instead of {TOKENS}");
    Ok((ids as u64, start.elapsed().as_secs_f64()))
}
