//! One token that a signal cancels; everything that runs watches it.

use tokio_util::sync::CancellationToken;

/// Exit status after a second signal: 128 + SIGINT, as shells have it.
const FORCED: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels. A second signal ends the process at once.
///
/// # Errors
/// If the system refuses signal handlers.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut signals = Signals::new()?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; a second signal stops at once");
        cancelled.cancel();
        signals.next().await;
        std::process::exit(FORCED);
    });
    Ok(token)
}

/// Ends at the first SIGINT or SIGTERM; for a program whose work is one future. At once where signals cannot be had.
pub async fn requested() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(error) => tracing::error!(%error, "no signal handlers"),
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
