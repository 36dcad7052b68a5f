//! Servers of others as child processes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the tiny model is; `None`, with a printed reason, where the fixtures are not there.
pub fn model() -> Option<PathBuf> {
    let fixtures = std::env::var_os("ASSAY_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"), PathBuf::from);
    let model = fixtures.join("models/llama-untied-q8_0-gguf/model.gguf");
    if model.is_file() {
        return Some(model);
    }
    println!("skipped: {} is not there (ASSAY_FIXTURES)", model.display());
    None
}

/// What this variable names; `None`, with a printed reason, where it is not set.
pub fn program(variable: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map(PathBuf::from);
    if program.is_none() {
        println!("skipped: {variable} is not set; `scripts/llama-servers` installs the servers and says what to set");
    }
    program
}

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    /// Starts it on a free port and waits until it answers.
    pub async fn start(program: &Path, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(arguments)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut server = Self { child, url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(120);
        while !server.answers().await {
            assert_eq!(server.child.try_wait().unwrap(), None, "the server ended: {}", program.display());
            assert!(Instant::now() < deadline, "the server does not answer: {}", program.display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    async fn answers(&self) -> bool {
        let models = reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{}/v1/models", self.url));
        // llama.cpp answers with 503 while it loads; one that wants a key is there, too.
        models.send().await.is_ok_and(|answer| answer.status() != 503)
    }

    /// As the kernel does it when memory runs out.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
