//! Why a server cannot be used.

use std::path::PathBuf;

use reqwest::StatusCode;

use super::http::Failure;

/// Why a server cannot be used. Each names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The address is none.
    #[error("`url` is {url}: {reason}")]
    Url {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The API key is not there.
    #[error("the API key cannot be used: {0}")]
    Key(String),
    /// A file of the configuration cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// This system provides no client.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// Nobody answers.
    #[error("nobody answers at {url}: {reason}; is the server running, and are `url` and the firewall right?")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The server wants another key.
    #[error(
        "{url} refuses the request (status {status}); set `api_key_file` or `api_key_env` to the key that it was started with"
    )]
    Refused {
        /// Where.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The model is not there, or it is not clear which is meant.
    #[error("{url} {}serves {}; set `model` to one of them", model.as_ref().map_or(String::new(), |model| format!("has no model {model}, it ")), available.join(", "))]
    Model {
        /// Where.
        url: String,
        /// As configured.
        model: Option<String>,
        /// Some of what is there.
        available: Vec<String>,
    },
    /// The server does not say how long a sequence may be.
    #[error("{url} does not say how long a sequence may be; set `context`")]
    Context {
        /// Where.
        url: String,
    },
    /// The server's answer is no use.
    #[error("{url}: {what}: {reason}")]
    Answer {
        /// Where.
        url: String,
        /// What was asked.
        what: &'static str,
        /// What came.
        reason: String,
    },
}

impl RemoteError {
    pub(super) fn of(url: &str, what: &'static str, failure: Failure) -> Self {
        let url = url.to_owned();
        match failure {
            Failure::Network(reason) => Self::Unreachable { url, reason },
            Failure::Status(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => {
                Self::Refused { url, status: status.as_u16() }
            }
            Failure::Status(status, text) => {
                Self::Answer { url, what, reason: format!("status {}: {text}", status.as_u16()) }
            }
            Failure::Answer(reason) => Self::Answer { url, what, reason },
        }
    }
}
