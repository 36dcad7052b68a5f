//! When no probes are sent: in a window and just around it, when everybody's devices are busy with what is paid.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How long before a window nothing was sent that counts.
pub const BEFORE: Duration = Duration::from_secs(1);
/// How long after a window nothing is sent.
const AFTER: Duration = Duration::from_secs(2);

/// Counts the beginnings and ends of quiet times: an odd number while one lasts. Clones are one.
#[derive(Clone, Debug)]
pub struct Quiet(Arc<watch::Sender<u64>>);

/// Quiet until shortly after this is dropped.
#[derive(Debug)]
pub struct Hush(Quiet);

impl Default for Quiet {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Quiet {
    /// Begins a quiet time.
    #[must_use]
    pub fn begin(&self) -> Hush {
        self.0.send_modify(|times| *times = (*times + 1) | 1);
        Hush(self.clone())
    }

    /// What tells two moments apart between which a quiet time began; `None` in one.
    #[must_use]
    pub fn now(&self) -> Option<u64> {
        let times = *self.0.borrow();
        times.is_multiple_of(2).then_some(times)
    }

    /// Waits until no quiet time lasts.
    pub async fn over(&self) {
        // The sender is here, so the wait can only end with it being over.
        drop(self.0.subscribe().wait_for(|times| times.is_multiple_of(2)).await);
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        let quiet = self.0.clone();
        let begun = *quiet.0.borrow();
        let end = move || quiet.0.send_modify(|times| *times += u64::from(*times == begun));
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                sleep(AFTER).await;
                end();
            })),
            Err(_) => end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_quiet_in_a_window_and_after_it() {
        let quiet = Quiet::default();
        let before = quiet.now();
        assert!(before.is_some());
        let hush = quiet.begin();
        assert_eq!(quiet.now(), None);
        drop(hush);
        sleep(AFTER - Duration::from_millis(1)).await;
        assert_eq!(quiet.now(), None);
        sleep(Duration::from_millis(10)).await;
        assert!(quiet.now().is_some() && quiet.now() != before, "what began before it is known by the count");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_begins_in_the_quiet_after_another_is_quiet() {
        let quiet = Quiet::default();
        drop(quiet.begin());
        sleep(Duration::from_secs(1)).await;
        let _second = quiet.begin();
        sleep(Duration::from_secs(5)).await;
        assert_eq!(quiet.now(), None);
    }
}
