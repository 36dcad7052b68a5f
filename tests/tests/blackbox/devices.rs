//! A miner whose devices work in processes of their own: one of them is killed in the middle of a window, and neither the
//! miner nor the window is lost.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use incentive::verdict::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::caller::{Asked, Caller, Miner};
use tests::deadline::until;
use tests::net::TestNet;
use tests::process::Process;

use super::rounds::PATIENCE;

const DEVICES: &str = r#"
[compute]
devices = ["cpu-process:0", "cpu-process:1"]
chains_per_device = 2
"#;

/// What follows `key=` in a line of the log that has all of these words.
fn logged(miner: &Process, words: &[&str], key: &str) -> Option<String> {
    let log = miner.stderr();
    let line = log.lines().rfind(|line| words.iter().all(|word| line.contains(word)))?;
    line.split_whitespace().find_map(|word| word.strip_prefix(key)).map(str::to_owned)
}

async fn worker(miner: &Process, device: &str) -> Result<Pid> {
    let device = format!("device={device}");
    let pid =
        until("the worker has opened its device", PATIENCE, async || logged(miner, &["open:", &device], "pid=")).await;
    Ok(Pid::from_raw(pid.with_context(|| miner.stderr())?.parse()?))
}

/// A counter of a device.
async fn counter(metrics: SocketAddr, name: &str, device: &str) -> Option<u64> {
    let text = reqwest::get(format!("http://{metrics}/metrics")).await.ok()?.text().await.ok()?;
    let line = format!("assay_miner_device_{name}{{device=\"{device}\"}} ");
    text.lines().find_map(|text| text.strip_prefix(&line)?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_costs_neither_the_miner_nor_the_window() -> Result<()> {
    let mut policy = super::policy();
    // The window ends before the chains do.
    policy.compute.rounds_max = 4096;
    let net = TestNet::start(policy).await?;
    let caller = Arc::new(Caller::new(net.validator("validator").await?)?);
    let key = net.miner("miner").await?;
    let config = net.miner_config("miner", |text| text + DEVICES)?.display().to_string();
    let process = Process::start("miner", ["run", "--config", &config], 1).await?;
    let miner = Miner { address: process.address(), hotkey: key.hotkey() };
    let [killed, other] = [worker(&process, "cpu-process:0").await?, worker(&process, "cpu-process:1").await?];
    let metrics: SocketAddr =
        until("metrics are served", PATIENCE, async || logged(&process, &["metrics"], "address=")).await?.parse()?;

    for window in 1..=2u64 {
        let opened = net.window().await?;
        let asked = Arc::new(Asked::new(net.chain().genesis(), net.netuid(), &opened, net.policy(), [5; 32]));
        let before = counter(metrics, "rounds_total", "cpu-process:0").await.unwrap_or_default();
        let (asking, work) = (Arc::clone(&caller), Arc::clone(&asked));
        let verdict = tokio::spawn(async move { asking.examine(&miner, &work).await });
        if window == 1 {
            until("the device has worked", PATIENCE, async || {
                counter(metrics, "rounds_total", "cpu-process:0").await.filter(|rounds| *rounds > before)
            })
            .await?;
            kill(killed, Signal::SIGKILL)?;
        }
        let verdict = verdict.await??;
        let earned = matches!(verdict, Verdict::Accepted(score) if score.get() > 0);
        assert!(earned, "window {window}: {verdict:?}\n{}", process.stderr());
        for device in ["cpu-process:0", "cpu-process:1"] {
            let rounds = counter(metrics, "rounds_total", device).await;
            assert!(rounds > Some(0), "both devices work in one window: {device} {rounds:?}");
        }
        assert_eq!(counter(metrics, "restarts_total", "cpu-process:0").await, Some(1));
        assert_eq!(counter(metrics, "restarts_total", "cpu-process:1").await, Some(0));
    }
    let log = process.stderr();
    assert!(log.contains("the device's worker has ended: it ended") && log.contains("signal 9"), "{log}");
    assert_ne!(worker(&process, "cpu-process:0").await?, killed, "another process works there now");

    let ended = process.stop().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let gone = async || (!Path::new(&format!("/proc/{other}")).exists()).then_some(());
    until("no worker outlives the miner", PATIENCE, gone).await
}
