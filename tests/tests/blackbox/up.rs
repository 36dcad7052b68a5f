//! A whole subnet as `localnet up` runs it: what answers earn, and what cheating with them earns.

use std::time::Duration;

use anyhow::Context as _;
use localnet::up::{Cheat, Field};
use serde_json::Value;
use tests::process::binary;
use tokio::process::Command;

/// Far more than a paid epoch takes.
const PATIENCE: Duration = Duration::from_secs(200);

#[tokio::test]
async fn who_cheats_with_answers_earns_nothing_beside_an_honest_miner() -> anyhow::Result<()> {
    let args =
        ["up", "--miners", "1", "--validators", "1", "--cheats", "inference", "--epochs", "1", "--check", "--json"];
    let output = Command::new(binary("localnet")?).args(args).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await.context("no paid epoch")??;
    let report: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = serde_json::to_string_pretty(&report["findings"])?;
    assert!(output.status.success() && report["ok"] == true, "{findings}");
    for cheat in Cheat::of(Field::Inference) {
        let named = |finding: &&Value| finding["name"] == cheat.name() && finding["ok"] == true;
        assert!(report["findings"].as_array().into_iter().flatten().any(|f| named(&f)), "{}: {findings}", cheat.name());
    }
    Ok(())
}
