//! Child processes: started with a log file of their own, watched, and ended by their own id.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take to print the line that says it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a process may take to drain after the first signal.
const GRACE: Duration = Duration::from_secs(10);

/// A running program of the subnet.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `program` and waits for its first line on standard output, which it returns.
    ///
    /// Standard error goes to `<logs>/<name>.log`.
    ///
    /// # Errors
    /// When the program is missing, ends before it is ready, or says nothing in time; the end of its log is part of the error.
    pub async fn start(name: &str, program: &Path, args: &[OsString], logs: &Path) -> Result<(Self, String)> {
        let log = logs.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            // A group of its own: Ctrl-C reaches this program alone, which then ends the others in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}: build it with `cargo build --bins`", program.display()))?;
        let Some(stdout) = child.stdout.take() else { bail!("{name} has no standard output") };
        let mut lines = BufReader::new(stdout).lines();
        let mut process = Self { name: name.to_owned(), log, child };
        let first = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else {
            let tail = process.log_tail();
            process.stop().await;
            bail!("{name} did not become ready; the end of {}:\n{tail}", process.log.display());
        };
        // Keep reading, so that the program never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok((process, line))
    }

    /// The name in the table and of the log file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines that it logged.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Asks the process to drain; ends it if it does not.
    pub async fn stop(&mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _already_gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::SIGTERM);
        }
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            let _already_gone = self.child.kill().await;
        }
    }
}
