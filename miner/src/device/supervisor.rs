//! Keeps one worker process alive: starts it, listens for its heartbeat, says why it ended, and starts it again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::device::DeviceName;
use crate::device::ending::{Cause, Event};
use crate::device::launch::Launch;
use crate::device::link::Link;
use crate::device::metrics::DeviceMetrics;

/// The longest pause before a restart.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The worker of one device, through all its lives. Ends with this value.
pub struct Supervisor(Arc<Shared>);

struct Shared {
    device: DeviceName,
    launch: Launch,
    metrics: DeviceMetrics,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The process that lives, if any.
    living: Option<Arc<Link>>,
    /// Its device is open.
    ready: bool,
    stopping: bool,
}

impl Supervisor {
    /// Starts the worker of a device, and a thread that watches over it.
    ///
    /// # Errors
    /// When the thread cannot be started. A worker that cannot be started is tried again.
    pub fn start(device: DeviceName, launch: Launch, metrics: DeviceMetrics) -> std::io::Result<Self> {
        metrics.up(device, false);
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { device, launch, metrics, state, changed });
        let watching = Arc::clone(&shared);
        std::thread::Builder::new().name(format!("{device} watch")).spawn(move || watching.watch())?;
        Ok(Self(shared))
    }

    /// The worker whose device is open, waiting for it as long as told.
    #[must_use]
    pub fn worker(&self, patience: Duration) -> Option<Arc<Link>> {
        let mut state = self.0.state.lock();
        let absent = |state: &mut State| state.open().is_none() && !state.stopping;
        self.0.changed.wait_while_for(&mut state, absent, patience);
        state.open()
    }
}

impl State {
    fn open(&self) -> Option<Arc<Link>> {
        self.living.clone().filter(|link| self.ready && link.is_alive())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let living = {
            let mut state = self.0.state.lock();
            state.stopping = true;
            state.living.take()
        };
        self.0.changed.notify_all();
        if let Some(link) = living {
            link.end(Cause::Stopped);
        }
    }
}

impl Shared {
    fn watch(&self) {
        let mut pause = self.launch.pause;
        loop {
            let began = Instant::now();
            let (cause, ending) = self.life();
            if cause == Cause::Stopped || self.state.lock().stopping {
                return;
            }
            if began.elapsed() >= self.launch.settled {
                pause = self.launch.pause;
            }
            let device = self.device;
            tracing::error!(%device, ending, "the device's worker has ended: {cause}; it is started again in {pause:?}");
            self.metrics.restarted(device);
            let mut state = self.state.lock();
            self.changed.wait_while_for(&mut state, |state| !state.stopping, pause);
            if state.stopping {
                return;
            }
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }

    /// One life, from start to end: why it ended, and how.
    fn life(&self) -> (Cause, String) {
        let (link, events) = match Link::start(self.device, &self.launch) {
            Ok(started) => started,
            Err(error) => return (Cause::NotStarted(error.to_string()), String::new()),
        };
        let stopping = {
            let mut state = self.state.lock();
            state.living = Some(Arc::clone(&link));
            state.stopping
        };
        if stopping {
            link.end(Cause::Stopped);
        }
        let cause = self.opened(&link, &events).unwrap_or_else(|| self.beat(&link, &events));
        {
            let mut state = self.state.lock();
            state.living = None;
            state.ready = false;
        }
        self.metrics.up(self.device, false);
        (cause, link.reap())
    }

    /// Waits until the device is open, or says why it is not.
    fn opened(&self, link: &Link, events: &Receiver<Event>) -> Option<Cause> {
        match events.recv_timeout(self.launch.opening) {
            Ok(Event::Ready(about)) => {
                let (device, pid) = (self.device, link.pid());
                tracing::info!(%device, pid, "open: {about}");
                self.metrics.up(device, true);
                self.state.lock().ready = true;
                self.changed.notify_all();
                None
            }
            Ok(Event::Ended(cause)) => Some(cause),
            Err(RecvTimeoutError::Timeout) => {
                link.end(Cause::Slow);
                Some(Cause::Slow)
            }
            Err(RecvTimeoutError::Disconnected) => Some(Cause::Gone),
        }
    }

    /// Listens until the end.
    fn beat(&self, link: &Link, events: &Receiver<Event>) -> Cause {
        loop {
            match events.recv_timeout(self.launch.heartbeat / 4) {
                Ok(Event::Ended(cause)) => return cause,
                Ok(Event::Ready(_)) => {}
                Err(RecvTimeoutError::Timeout) if link.silence() > self.launch.heartbeat => link.end(Cause::Frozen),
                Err(RecvTimeoutError::Timeout) => link.ping(),
                Err(RecvTimeoutError::Disconnected) => return Cause::Gone,
            }
        }
    }
}
