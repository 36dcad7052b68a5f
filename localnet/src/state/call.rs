use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use sp_externalities::{Extensions, set_and_run_with_externalities};
use sp_state_machine::Ext;

use super::{Backend, Overlay};
use crate::runtime::api::dispatch;

/// Why a runtime function gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The runtime has no such function. Clients look for this very text to fall back to an older one.
    #[error("Exported method {0} is not found")]
    Unknown(String),
    /// The runtime refused by a panic, which is how it answers malformed arguments.
    #[error("Runtime panicked: {0}")]
    Panicked(String),
    /// The overlay was already inside the runtime.
    #[error("the state overlay is busy: {0}")]
    Overlay(String),
}

/// Runs one runtime function over `overlay`. Storage transactions that a panic left open are unwound.
///
/// # Errors
/// When the function does not exist or panics.
pub fn call_in(backend: &Backend, overlay: &mut Overlay, method: &str, data: &[u8]) -> Result<Vec<u8>, CallError> {
    overlay.enter_runtime().map_err(|error| CallError::Overlay(format!("{error:?}")))?;
    let outcome = {
        let mut extensions = Extensions::new();
        let mut externalities = Ext::new(overlay, backend, Some(&mut extensions));
        quietly(|| set_and_run_with_externalities(&mut externalities, || dispatch(method, data)))
    };
    overlay.exit_runtime().map_err(|error| CallError::Overlay(format!("{error:?}")))?;
    match outcome {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(CallError::Unknown(method.to_owned())),
        Err(payload) => Err(CallError::Panicked(panic_text(&*payload))),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Catches a panic of the runtime without the message that the panic hook would print for it.
fn quietly<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    QUIET.set(before);
    outcome
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}

/// What every thread that runs the runtime must have: calls nest up to [`super::MAX_CALL_DEPTH`] levels, and a stack
/// overflow ends the process.
pub struct StackGuard;

impl StackGuard {
    /// Stack of a thread that runs the runtime, in bytes. Reserved, not used: an idle thread touches a few pages.
    pub const BYTES: usize = 64 << 20;
}
