//! Waiting for a condition that has no event: polled, with a deadline, and a failure that names what was waited for.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
///
/// # Errors
/// After the deadline; names `what` was waited for.
pub async fn until<T>(what: &str, deadline: Duration, ask: impl AsyncFn() -> Option<T>) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("waited {} s in vain until {what}", deadline.as_secs_f32());
        }
        tokio::time::sleep(POLL).await;
    }
}
