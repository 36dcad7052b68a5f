//! How worker processes are started, and how long they may be silent.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::device::DeviceName;

/// What a worker sees of this process's environment: what libraries of devices need, and no secret.
const ENVIRONMENT: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];
const PREFIXES: [&str; 3] = ["CUDA", "NVIDIA", "NV_"];

/// How workers are started and how long they may be silent.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program, which is this one.
    pub program: PathBuf,
    /// What comes before `--device NAME`.
    pub arguments: Vec<String>,
    /// From the start until the device is open.
    pub opening: Duration,
    /// From a sign of life to the next.
    pub heartbeat: Duration,
    /// For one round or one opening.
    pub answer: Duration,
    /// Before the first restart; doubled with each that follows without [`Launch::settled`] between them.
    pub pause: Duration,
    /// A life that long was a good one.
    pub settled: Duration,
}

impl Launch {
    /// Workers of this very program, also when the file on disk has been replaced since it started.
    ///
    /// # Errors
    /// When the system does not say what this program is.
    pub fn new() -> io::Result<Self> {
        let own = PathBuf::from("/proc/self/exe");
        Ok(Self::of(if own.exists() { own } else { std::env::current_exe()? }))
    }

    /// Workers of another program, which must be the same.
    #[must_use]
    pub fn of(program: PathBuf) -> Self {
        Self {
            program,
            arguments: vec!["device-worker".to_owned()],
            opening: Duration::from_secs(120),
            heartbeat: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            pause: Duration::from_millis(500),
            settled: Duration::from_secs(60),
        }
    }

    pub(super) fn command(&self, device: DeviceName) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--device").arg(device.to_string());
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            ENVIRONMENT.contains(&name.as_ref()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        }));
        // What it is called in a list of processes, which the path does not tell.
        command.arg0("miner");
        // A group of its own: Ctrl-C is for the miner, which still has openings to answer.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}
