//! The real program: killed, started again, misused.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use sp_keyring::Sr25519Keyring::Alice;
use subxt::rpcs::{RpcClient, rpc_params};

use crate::client::{Account, Client};

struct Node {
    child: Child,
    ready: Value,
}

fn command(arguments: &[&str], base_path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localnet"));
    command.arg("node").args(arguments).arg("--base-path").arg(base_path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Node {
    fn start(arguments: &[&str], base_path: &Path) -> Self {
        let arguments = [&["--port", "0", "--json"], arguments].concat();
        let mut child = command(&arguments, base_path).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("reads");
        let Ok(ready) = serde_json::from_str(&line) else {
            let mut error = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut error).expect("reads");
            panic!("no ready line but {line:?} and {error}");
        };
        Self { child, ready }
    }

    fn url(&self) -> &str {
        self.ready["url"].as_str().expect("url")
    }

    async fn rpc(&self) -> RpcClient {
        RpcClient::from_insecure_url(self.url()).await.expect("connects")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn header(client: &RpcClient) -> Value {
    client.request("chain_getHeader", rpc_params![]).await.expect("answers")
}

async fn remark(url: &str) {
    let client = Client::from_insecure_url(url).await.expect("connects");
    let call = subxt::dynamic::transaction("System", "remark", vec![subxt::dynamic::Value::from_bytes(b"gold")]);
    let mut transactions = client.tx().await.expect("head");
    let progress = transactions.sign_and_submit_then_watch_default(&call, &Account(Alice)).await.expect("submits");
    progress.wait_for_finalized_success().await.expect("succeeds");
}

#[tokio::test]
async fn kill_and_restart_keeps_head_and_state() {
    let dir = tempfile::tempdir().expect("directory");
    let node = Node::start(&["--seal", "instant"], dir.path());
    remark(node.url()).await;
    let client = node.rpc().await;
    for (method, count) in [("dev_newBlock", 30), ("dev_revert", 5), ("dev_newBlock", 4)] {
        client.request::<Value>(method, rpc_params![count]).await.expect(method);
    }
    remark(node.url()).await;
    let before = header(&client).await;
    assert_eq!(before["number"], "0x1f");
    // SIGKILL: no chance to tidy up.
    drop(node);

    let node = Node::start(&["--seal", "instant"], dir.path());
    assert_eq!(node.ready["block"], 31);
    let client = node.rpc().await;
    assert_eq!(header(&client).await, before);
    remark(node.url()).await;
    assert_eq!(header(&client).await["number"], "0x20");
}

#[tokio::test]
async fn signals_end_it_politely_and_the_port_is_free_again() {
    let dir = tempfile::tempdir().expect("directory");
    for signal in ["INT", "TERM"] {
        let mut node = Node::start(&["--seal", "interval", "--block-ms", "20"], dir.path());
        let client = node.rpc().await;
        let mut heads = client
            .subscribe::<Value>("chain_subscribeNewHeads", rpc_params![], "chain_unsubscribeNewHeads")
            .await
            .expect("subscribes");
        for _ in 0..3 {
            heads.next().await.expect("goes on").expect("no error");
        }
        let sent = Command::new("kill").args(["-s", signal, &node.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        assert_eq!(node.child.wait().expect("ends").code(), Some(0), "SIG{signal}");
    }
}

fn refused(arguments: &[&str], base_path: &Path) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(arguments, base_path).output().expect("runs");
    assert!(stdout.is_empty());
    (status.code(), String::from_utf8(stderr).expect("text"))
}

#[tokio::test]
async fn refusals_are_one_line_with_the_remedy() {
    let dir = tempfile::tempdir().expect("directory");
    let node = Node::start(&["--seal", "manual"], dir.path());

    let other = tempfile::tempdir().expect("directory");
    let port = node.url().rsplit(':').next().expect("port");
    let (code, error) = refused(&["--port", port], other.path());
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("in use") && error.contains("--port"), "{error}");

    let (code, error) = refused(&["--port", "0"], dir.path());
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("another node") && error.contains("--base-path"), "{error}");
    drop(node);

    let (code, error) = refused(&["--port", "0", "--block-ms", "777"], dir.path());
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("--reset"), "{error}");

    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("writes");
    let (code, error) = refused(&["--port", "0"], &file.join("below"));
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("--base-path"), "{error}");

    let (code, error) = refused(&["--seal", "never"], dir.path());
    assert_eq!(code, Some(2));
    assert!(error.contains("interval"), "{error}");
}
