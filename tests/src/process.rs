//! Real binaries as child processes: found beside the test, started, heard, and ended by their own id.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a program may take to say that it listens, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. It is killed when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    addresses: Vec<SocketAddr>,
    stderr: Arc<Mutex<String>>,
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A binary of this workspace, built beside the running test or program.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"));
    let path = folder.context("a program lies in a folder")?.join(name);
    ensure!(path.is_file(), "{} was not built; run `cargo build --workspace --bins` first", path.display());
    Ok(path)
}

/// The program with these arguments and nothing of this process's environment but the path.
fn command<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Result<Command> {
    let mut command = Command::new(binary(name)?);
    command.args(args).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for kept in ["PATH", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    Ok(command)
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn run<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Result<Ended> {
    let output = tokio::time::timeout(PATIENCE, command(name, args)?.output()).await;
    let output = output.with_context(|| format!("{name} did not end"))??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

impl Process {
    /// Starts a program and waits until it has said `listening on http://…` once for each of `listeners`.
    ///
    /// # Errors
    /// When it ends or stays silent; what it logged is part of the error.
    pub async fn start<A: AsRef<OsStr>>(
        name: &str,
        args: impl IntoIterator<Item = A>,
        listeners: usize,
    ) -> Result<Self> {
        let mut child = command(name, args)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        let stderr = collect(child.stderr.take().context("standard error is piped")?);
        let mut process = Self { name: name.to_owned(), child, addresses: Vec::new(), stderr };
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while process.addresses.len() < listeners {
                let Some(line) = lines.next_line().await? else { bail!("it ended") };
                process.addresses.extend(line.split_whitespace().find_map(address));
            }
            Ok(())
        };
        let ready = tokio::time::timeout(PATIENCE, ready).await.context("it said nothing").flatten();
        ready.with_context(|| format!("{name} did not become ready; it logged:\n{}", process.stderr()))?;
        // Keep reading, so that the program never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(process)
    }

    /// Where it listens: the first of its listeners.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it listens, in the order in which it said so.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it has logged so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.lock().clone()
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(mut self) -> Result<Ended> {
        let id = self.child.id().with_context(|| format!("{} has ended already", self.name))?;
        kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status =
            status.with_context(|| format!("{} does not stop; it logged:\n{}", self.name, self.stderr()))??;
        Ok(Ended { code: status.code(), stdout: String::new(), stderr: self.stderr() })
    }
}

impl Process {
    /// Ends it at once, as a power cut would.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

fn address(word: &str) -> Option<SocketAddr> {
    word.strip_prefix("http://")?.parse().ok()
}

fn collect(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            collected.lock().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
    text
}
