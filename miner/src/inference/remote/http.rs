//! Requests to the server: bounded in size and time, no proxy, no redirects, no compression.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::chunk;
use super::config::RemoteConfig;
use super::error::RemoteError;
use crate::inference::backend::BackendError;

/// Idle connections are given up before the server gives them up: uvicorn (vLLM, SGLang, llama-cpp-python) and llama.cpp close
/// them after five seconds, and a request on a connection that is being closed fails for no fault of its own.
const POOL_IDLE: Duration = Duration::from_secs(3);

/// Waits before a connection is tried again. Nothing was sent then, so nothing is done twice.
const RETRIES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// Most bytes of an answer that is an error, or says little.
const SMALL: usize = 1 << 20;

/// Most bytes of an API key.
const KEY: usize = 4096;

/// Why a request has no answer.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// No connection, or it broke.
    Network(String),
    /// The server has an error instead of an answer.
    Status(StatusCode, String),
    /// The answer is none that is understood.
    Answer(String),
}

/// One server.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    base: String,
    patience: Duration,
}

impl Http {
    pub fn new(config: &RemoteConfig) -> Result<Self, RemoteError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key(config)? {
            headers.insert(AUTHORIZATION, key);
        }
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(config.connect_s))
            .pool_idle_timeout(POOL_IDLE)
            .build()
            .map_err(|error| RemoteError::Client(reason(error)))?;
        Ok(Self { client, base: base(&config.url)?, patience: config.patience().first })
    }

    /// The address, without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.whole(self.client.get(self.url(path)), SMALL).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, limit: usize) -> Result<T, Failure> {
        self.whole(self.client.post(self.url(path)).json(body), limit).await
    }

    /// Begins a stream. The response is that of a success, and its body one of events.
    pub async fn stream(&self, path: &str, body: &Value) -> Result<Response, Failure> {
        let response = self.send(self.client.post(self.url(path)).json(body)).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("text/event-stream") {
            let text = format!("{path} answers with {:?} and not with a stream of events", shortened(kind));
            return Err(Failure::Answer(text));
        }
        Ok(response)
    }

    async fn whole<T: DeserializeOwned>(&self, request: RequestBuilder, limit: usize) -> Result<T, Failure> {
        let answer = async {
            let body = read(self.send(request).await?, limit).await?;
            serde_json::from_slice(&body)
                .map_err(|error| Failure::Answer(format!("the answer is not as expected: {error}")))
        };
        timeout(self.patience, answer).await.unwrap_or_else(|_| Err(slow(self.patience)))
    }

    /// How long the connection may take is the client's to know; how long the answer, the caller's.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let (mut waits, mut resent) = (RETRIES.iter(), false);
        loop {
            let attempt =
                request.try_clone().ok_or_else(|| Failure::Network("the request cannot be repeated".into()))?;
            match attempt.send().await {
                Ok(response) => return accepted(response).await,
                Err(error) if error.is_connect() => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => return Err(Failure::Network(reason(error))),
                },
                Err(error) if !resent && went_unanswered(&error) => resent = true,
                Err(error) => return Err(Failure::Network(reason(error))),
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

pub(super) fn slow(patience: Duration) -> Failure {
    Failure::Network(format!("no answer within {} s", patience.as_secs()))
}

/// Whether the connection was closed before the first byte of an answer. llama.cpp closes it after each stream, with headers that
/// promise the opposite, so the next request may come too late. Asking again does no harm but to the server: once.
fn went_unanswered(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| match (cause.downcast_ref::<hyper::Error>(), cause.downcast_ref::<io::Error>()) {
        (Some(error), _) => error.is_incomplete_message() || error.is_canceled() || error.is_closed(),
        (_, Some(error)) => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
        (None, None) => false,
    })
}

async fn accepted(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status != StatusCode::OK {
        let body = timeout(Duration::from_secs(5), read(response, SMALL)).await.unwrap_or_else(|_| Ok(Vec::new()));
        return Err(Failure::Status(status, complaint(&body.unwrap_or_default())));
    }
    // None was asked for; and what is not unpacked cannot swell.
    if let Some(encoding) = response.headers().get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(Failure::Answer(format!("the answer is compressed ({encoding:?}), which was not asked for")));
    }
    Ok(response)
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| Failure::Network(reason(error)))? {
        if body.len() + piece.len() > limit {
            return Err(Failure::Answer(format!("the answer is longer than {limit} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What an error body says: `{"error": {"message"}}` (OpenAI, llama.cpp, newer vLLM), `{"message"}` (older vLLM, SGLang) or
/// `{"detail"}` (FastAPI).
fn complaint(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(body) => chunk::message(body.get("error").or_else(|| body.get("detail")).unwrap_or(&body)),
        Err(_) => shortened(&String::from_utf8_lossy(body)),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The innermost cause says what happened; the address is known.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.is_timeout() { "it took too long".into() } else { cause.to_string() }
}

fn base(url: &str) -> Result<String, RemoteError> {
    let refused = |reason: &str| RemoteError::Url { url: shortened(url), reason: reason.into() };
    let parsed = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        // Not repeated: it would stand in the log.
        let reason = "it has a user or password in it; use api_key_file".into();
        return Err(RemoteError::Url { url: "(hidden)".into(), reason });
    }
    if parsed.scheme() != "http" {
        return Err(refused("only http:// is spoken; put a proxy that speaks TLS in front (docs/serving.md)"));
    }
    if parsed.host_str().is_none() || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(refused("it must be http://HOST:PORT, or that with /v1"));
    }
    let base = parsed.as_str().trim_end_matches('/');
    Ok(base.strip_suffix("/v1").unwrap_or(base).trim_end_matches('/').to_owned())
}

fn key(config: &RemoteConfig) -> Result<Option<HeaderValue>, RemoteError> {
    let (key, origin) = match (&config.api_key_file, &config.api_key_env) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(RemoteError::Key("give api_key_file or api_key_env, not both".into())),
        (Some(path), None) => (small_file(path, KEY)?, path.display().to_string()),
        (None, Some(name)) => {
            let missing = |_| RemoteError::Key(format!("the environment variable {name} is not set or not text"));
            (std::env::var(name).map_err(missing)?, name.clone())
        }
    };
    let mut header = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
        .map_err(|_| RemoteError::Key(format!("what {origin} holds is not an API key: one line of ASCII")))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// A text file of at most so many bytes.
pub(super) fn small_file(path: &Path, limit: usize) -> Result<String, RemoteError> {
    let failed = |reason: String| RemoteError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    file.take(limit as u64 + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
    if text.len() > limit {
        return Err(failed(format!("it is longer than {limit} bytes")));
    }
    Ok(text)
}

impl Failure {
    /// For the request of a caller. `prompt` names the parameter that is too long, if it is.
    pub fn for_request(self, prompt: &'static str) -> BackendError {
        match self {
            Self::Status(StatusCode::TOO_MANY_REQUESTS, _) => BackendError::Busy,
            Self::Status(StatusCode::BAD_REQUEST, text) if speaks_of_context(&text) => BackendError::Invalid {
                parameter: prompt,
                code: "context_length_exceeded",
                message: "the prompt and the answer do not fit into the model's context".into(),
            },
            Self::Status(status, text) => BackendError::Unavailable(format!("status {}: {text}", status.as_u16())),
            Self::Network(text) | Self::Answer(text) => BackendError::Unavailable(text),
        }
    }
}

/// vLLM "maximum context length", SGLang "exceeds the maximum" and "longer than the model's context length", llama.cpp "exceeds the
/// available context size".
fn speaks_of_context(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("context") && ["length", "size", "window"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, expected) in [
            ("http://h:8000", "http://h:8000"),
            ("http://h:8000/", "http://h:8000"),
            ("http://h:8000/v1", "http://h:8000"),
            ("http://h:8000/v1/", "http://h:8000"),
            ("http://h/models/a/v1", "http://h/models/a"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(base(url).unwrap(), expected);
        }
        for url in ["", "h:8000", "https://h", "ftp://h", "http://", "http://h/?x=1", "http://h/#x"] {
            assert!(base(url).is_err(), "{url}");
        }
        let error = base("http://user:secret@h").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_key_is_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let config = RemoteConfig { api_key_file: Some(path.clone()), ..RemoteConfig::new("m", "http://h") };
        assert!(Http::new(&config).unwrap_err().to_string().contains("key"));
        std::fs::write(&path, "geheim\n").unwrap();
        let http = Http::new(&config).unwrap();
        assert_eq!(key(&config).unwrap().unwrap(), "Bearer geheim");
        assert!(!format!("{http:?} {config:?}").contains("geheim"));
        std::fs::write(&path, "two\nlines").unwrap();
        let error = Http::new(&config).unwrap_err().to_string();
        assert!(error.contains("one line") && !error.contains("two"), "{error}");
        std::fs::write(&path, "x".repeat(KEY + 1)).unwrap();
        assert!(Http::new(&config).is_err());
    }

    #[test]
    fn errors_of_servers() {
        for (body, text) in [
            (r#"{"error":{"message":"m","code":400}}"#, "m"),
            (r#"{"object":"error","message":"m"}"#, "m"),
            (r#"{"detail":"m"}"#, "m"),
            ("<html>\n", "<html> "),
        ] {
            assert_eq!(complaint(body.as_bytes()), text);
        }
        let long = Failure::Status(StatusCode::BAD_REQUEST, "This model's maximum context length is 5 tokens".into());
        assert!(matches!(long.for_request("messages"), BackendError::Invalid { parameter: "messages", .. }));
        let busy = Failure::Status(StatusCode::TOO_MANY_REQUESTS, String::new());
        assert_eq!(busy.for_request("prompt"), BackendError::Busy);
        let other = Failure::Status(StatusCode::BAD_REQUEST, "bad prompt".into()).for_request("prompt");
        assert_eq!(other, BackendError::Unavailable("status 400: bad prompt".into()));
    }
}
