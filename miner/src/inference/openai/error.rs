//! Why a request gets no answer, as OpenAI's clients read it.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use neuron_common::auth::AuthError;
use proof::inference::ParamsError;
use serde::Serialize;

use crate::inference::backend::BackendError;
use crate::inference::queue::NoSlot;

const INVALID: &str = "invalid_request_error";

/// Why a request gets no answer. Never holds a payload or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    param: Option<Cow<'static, str>>,
    message: String,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

// === impl ApiError ===

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code, param: None, message: message.into(), retry_after: None }
    }

    /// 400: a parameter that is there and wrong, or missing.
    #[must_use]
    pub fn parameter(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { param: Some(name.into()), ..Self::new(StatusCode::BAD_REQUEST, INVALID, "invalid_value", message) }
    }

    /// 400: a parameter that would change the answer and that this miner does not know how to follow.
    #[must_use]
    pub fn unsupported(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: "unsupported_parameter", ..Self::parameter(name, message) }
    }

    /// 400: no JSON object.
    #[must_use]
    pub fn malformed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID, code, message)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", code, message)
    }

    /// 403: signed, but not by a validator of this subnet.
    #[must_use]
    pub fn no_permit() -> Self {
        let message = "models are served to validators that hold a permit on this subnet";
        Self::new(StatusCode::FORBIDDEN, "permission_error", "no_permit", message)
    }

    /// 404.
    #[must_use]
    pub fn unknown_model() -> Self {
        let message = "this miner does not serve that model; see /v1/models";
        let error = Self::new(StatusCode::NOT_FOUND, INVALID, "model_not_found", message);
        Self { param: Some("model".into()), ..error }
    }

    /// 405.
    #[must_use]
    pub fn method() -> Self {
        let message = "this path does not have that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed", message)
    }

    /// 413.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        let message = format!("a request has at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "too_large", message)
    }

    /// 408.
    #[must_use]
    pub fn body_timeout() -> Self {
        let message = "the body of the request did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, INVALID, "body_timeout", message)
    }

    /// 429: come again after a while.
    #[must_use]
    pub fn busy(code: &'static str, message: &'static str, after: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", code, message);
        Self { retry_after: Some(after), ..error }
    }

    /// 500: a fault of this miner.
    #[must_use]
    pub fn internal() -> Self {
        let message = "this miner failed; see its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal", message)
    }

    fn unavailable(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server_error", code, message)
    }

    /// The stable name: error body and metric label.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The same with the name that the request has for the parameter.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &'static str) -> Self {
        if self.param.as_deref() == Some(from) {
            self.param = Some(to.into());
        }
        self
    }

    /// The JSON of the error, as a body and as an event of a stream.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let Self { kind, code, param, message, .. } = self;
        // Strings alone always have a JSON form.
        serde_json::to_vec(&Body { error: Inner { message, kind, param: param.as_deref(), code } }).unwrap_or_default()
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let retry_after = matches!(error, AuthError::Flooded).then_some(Duration::from_secs(60));
        Self { retry_after, ..Self::new(status, "authentication_error", error.code(), error.to_string()) }
    }
}

impl From<ParamsError> for ApiError {
    fn from(error: ParamsError) -> Self {
        Self::parameter(error.name, error.to_string())
    }
}

impl From<NoSlot> for ApiError {
    fn from(reason: NoSlot) -> Self {
        match reason {
            NoSlot::Full(after) => Self::busy("rate_limit_exceeded", "too many requests wait; try again later", after),
            NoSlot::Late(after) => Self::busy("queue_timeout", "no slot became free in time; try again later", after),
            NoSlot::Closed => Self::unavailable("shutting_down", "this miner is stopping"),
        }
    }
}

impl From<BackendError> for ApiError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Invalid { parameter, code, message } => Self { code, ..Self::parameter(parameter, message) },
            BackendError::Busy => {
                Self::busy("rate_limit_exceeded", "the model is busy; try again later", Duration::from_secs(1))
            }
            BackendError::Unavailable(reason) => {
                tracing::warn!(reason, "a model is not available");
                Self::unavailable("model_unavailable", "the model is not available at the moment")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], self.json()).into_response();
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
