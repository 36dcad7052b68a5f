//! Why a request gets no answer, as a problem document.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use neuron_common::auth::AuthError;
use neuron_common::problem::Problem;
use neuron_common::wire::{self, WireError};

use crate::admission::Refusal;
use crate::run::OpenRefusal;

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum AxonError {
    #[error(
        "there is nothing at this path; the axon has {}, {} and {}",
        wire::WINDOW_PATH,
        wire::OPEN_PATH,
        wire::HEALTH_PATH
    )]
    NotFound,
    #[error("this path does not have that method")]
    MethodNotAllowed,
    #[error("a request has at most {} bytes", wire::REQUEST_LIMIT)]
    TooLarge,
    #[error("the body of the request did not arrive in time")]
    BodyTimeout,
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Opening(#[from] OpenRefusal),
    #[error("this miner does not hold that window")]
    UnknownWindow,
    #[error("too many requests at once; try again later")]
    Busy,
    #[error("this tempo's window was served already")]
    SecondWindow,
    #[error("this miner failed; see its log")]
    Internal(#[source] anyhow::Error),
}

impl AxonError {
    /// The stable name: problem document and metric label.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::BodyTimeout => "body_timeout",
            Self::Auth(error) => error.code(),
            Self::Wire(WireError::TooLong { .. } | WireError::Malformed) => "malformed",
            Self::Wire(WireError::UnsupportedVersion(_)) => Refusal::UnsupportedVersion.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Opening(OpenRefusal::Stranger | OpenRefusal::WrongSecret) => "wrong_secret",
            Self::Opening(OpenRefusal::Again) => "opened_already",
            Self::Opening(OpenRefusal::Miscounted) => "miscounted",
            Self::Opening(OpenRefusal::Unable) => "cannot_open",
            Self::UnknownWindow => "unknown_window",
            Self::Busy => "busy",
            Self::SecondWindow => "second_window",
            Self::Internal(_) => "internal",
        }
    }

    fn status(&self) -> StatusCode {
        let code = match self {
            Self::NotFound | Self::UnknownWindow => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::BodyTimeout => 408,
            Self::Auth(error) => error.status(),
            Self::Wire(WireError::TooLong { .. } | WireError::Malformed) => 400,
            Self::Wire(WireError::UnsupportedVersion(_)) => Refusal::UnsupportedVersion.status(),
            Self::Refused(refusal) => refusal.status(),
            Self::Opening(OpenRefusal::Stranger | OpenRefusal::WrongSecret) => 403,
            Self::Opening(OpenRefusal::Again | OpenRefusal::Miscounted) => 409,
            Self::Opening(OpenRefusal::Unable) => 503,
            Self::Busy | Self::SecondWindow => 429,
            Self::Internal(_) => 500,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for AxonError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!(%error, "a request failed here");
        }
        Problem::new(self.status(), self.code(), self.to_string()).into_response()
    }
}
