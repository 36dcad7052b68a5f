//! One life of one worker process: its pipes, the chains it serves, and why it ended.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::device::DeviceName;
use crate::device::ending::{Cause, Event, words};
use crate::device::launch::Launch;
use crate::device::message::{self, Order, REPORT_LIMIT, Report, VERSION};

/// Orders that wait for the pipe: a few for each chain.
const QUEUE: usize = 512;
/// Lines of one worker's standard error that are logged, and the bytes of one.
const LINES: usize = 200;
const LINE: u64 = 1000;
/// How long a process that was killed may take to be gone; longer means that the system holds it.
const REAP: Duration = Duration::from_secs(5);
/// One life.
pub struct Link {
    child: Mutex<Child>,
    orders: SyncSender<Order>,
    sessions: Mutex<Sessions>,
    next: AtomicU32,
    heard: Mutex<Instant>,
    answer: Duration,
}

/// Who waits for answers, and whom to tell when nobody will get any.
struct Sessions {
    /// `None` once the life is over.
    events: Option<SyncSender<Event>>,
    waiting: HashMap<u32, SyncSender<Report>>,
}

impl Link {
    /// Starts a worker process and the threads on its pipes.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(device: DeviceName, launch: &Launch) -> io::Result<(Arc<Self>, Receiver<Event>)> {
        let mut child = launch.command(device).spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("the pipes of a worker are not there"));
        };
        // Room for both events that can come, so that nobody ever waits for the supervisor.
        let (events, told) = sync_channel(2);
        let (orders, queue) = sync_channel(QUEUE);
        let link = Arc::new(Self {
            child: Mutex::new(child),
            orders,
            sessions: Mutex::new(Sessions { events: Some(events), waiting: HashMap::new() }),
            next: AtomicU32::new(0),
            heard: Mutex::new(Instant::now()),
            answer: launch.answer,
        });
        let thread = |name: &str| std::thread::Builder::new().name(format!("{device} {name}"));
        let started = (|| {
            thread("orders").spawn(move || write_orders(stdin, &queue))?;
            thread("log").spawn(move || forward(device, stderr))?;
            let reader = Arc::clone(&link);
            thread("reports").spawn(move || reader.read_reports(stdout))
        })();
        started.inspect_err(|_| link.end(Cause::Stopped))?;
        Ok((link, told))
    }

    /// The process id, for logs and tests.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.lock().id()
    }

    /// Begins a chain; `None` when this life is over.
    #[must_use]
    pub fn begin(self: &Arc<Self>, begin: impl FnOnce(u32) -> Order) -> Option<Session> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answers) = sync_channel(1);
        {
            let mut sessions = self.sessions.lock();
            sessions.events.as_ref()?;
            sessions.waiting.insert(id, answer);
        }
        let session = Session { link: Arc::clone(self), id, answers };
        session.send(begin(id))?;
        Some(session)
    }

    /// Whether chains can begin.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.sessions.lock().events.is_some()
    }

    /// Asks for a sign of life.
    pub fn ping(&self) {
        // A worker that reads no orders does not hear this one either; then its silence tells.
        let _full = self.orders.try_send(Order::Ping);
    }

    /// How long the worker has said nothing.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.heard.lock().elapsed()
    }

    /// Kills the process and tells nobody, as a crash does: for tests of what follows.
    pub fn crash(&self) {
        let _gone = self.child.lock().kill();
    }

    /// Ends this life; the first cause is the one that counts. Chains that wait get no answer.
    pub fn end(&self, cause: Cause) {
        let Some(events) = self.close() else { return };
        // It may be gone already.
        let _gone = self.child.lock().kill();
        let _nobody = events.try_send(Event::Ended(cause));
    }

    fn close(&self) -> Option<SyncSender<Event>> {
        let mut sessions = self.sessions.lock();
        sessions.waiting.clear();
        sessions.events.take()
    }

    /// Waits for the end of the killed process, so that nothing of it is left; how it ended in words.
    pub fn reap(&self) -> String {
        let since = Instant::now();
        loop {
            match self.child.lock().try_wait() {
                Ok(Some(status)) => return words(status),
                Ok(None) if since.elapsed() < REAP => {}
                Ok(None) => return "the system does not let go of its process".to_owned(),
                Err(error) => return error.to_string(),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn read_reports(&self, stdout: ChildStdout) {
        let mut reports = BufReader::new(stdout);
        let mut greeted = false;
        let cause = loop {
            let report = match message::read(&mut reports, REPORT_LIMIT) {
                Ok(Some(report)) => report,
                Ok(None) => break Cause::Gone,
                Err(error) => break Cause::Garbage(error.to_string()),
            };
            *self.heard.lock() = Instant::now();
            match report {
                Report::Fault(text) => break Cause::Fault(text.chars().take(LINE as usize).collect()),
                Report::Hello { version, .. } if version != VERSION => {
                    break Cause::OtherVersion(version.chars().take(40).collect());
                }
                Report::Hello { about, .. } if !greeted => {
                    greeted = true;
                    self.tell(Event::Ready(about.chars().take(200).collect()));
                }
                Report::Pong if greeted => {}
                Report::Root(session, _) | Report::Rows(session, _) if greeted => {
                    if !self.deliver(session, report) {
                        break Cause::Garbage(format!("session {session} was not asked"));
                    }
                }
                Report::Hello { .. } | Report::Pong | Report::Root(..) | Report::Rows(..) => {
                    break Cause::Garbage("it greets once, and first".to_owned());
                }
            }
        };
        self.end(cause);
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.sessions.lock().events {
            let _nobody = events.try_send(event);
        }
    }

    /// False for an answer that nobody waits for.
    fn deliver(&self, session: u32, report: Report) -> bool {
        let sessions = self.sessions.lock();
        // One that has ended may still be answered.
        sessions.waiting.get(&session).is_none_or(|answer| answer.try_send(report).is_ok())
            && session < self.next.load(Ordering::Relaxed)
    }
}

/// One chain of one window at one worker. Dropped, it frees what the worker keeps for it.
pub struct Session {
    link: Arc<Link>,
    id: u32,
    answers: Receiver<Report>,
}

impl Session {
    /// Asks, and waits for the answer; `None` when the worker's life is over, if only because it is late.
    pub fn ask(&self, order: impl FnOnce(u32) -> Order) -> Option<Report> {
        self.send(order(self.id))?;
        match self.answers.recv_timeout(self.link.answer) {
            Ok(report) => Some(report),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                self.link.end(Cause::Late);
                None
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Ends the worker's life for an answer that does not fit the question.
    pub fn refuse(&self, what: &str) {
        self.link.end(Cause::Garbage(what.to_owned()));
    }

    fn send(&self, order: Order) -> Option<()> {
        let sent = self.link.orders.try_send(order);
        // A worker that reads nothing is as good as gone.
        sent.inspect_err(|_| self.link.end(Cause::Frozen)).ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.link.sessions.lock().waiting.remove(&self.id);
        let _gone = self.link.orders.try_send(Order::End(self.id));
    }
}

/// Ends with the pipe, and closes it when nobody can send orders any more.
fn write_orders(mut stdin: ChildStdin, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        if message::write(&mut stdin, &order).is_err() {
            return;
        }
    }
}

/// Logs what the worker writes to standard error, within bounds. Reads on beyond them, so that it never blocks.
fn forward(device: DeviceName, stderr: ChildStderr) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    for number in 0.. {
        line.clear();
        match stderr.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(1..) if number < LINES => {
                tracing::warn!(%device, "{}", String::from_utf8_lossy(&line).trim_end());
            }
            Ok(1..) if number == LINES => tracing::warn!(%device, "it says more than is logged"),
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
