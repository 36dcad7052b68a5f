//! A real validator beside real miners: who worked is paid, who cheated is not, and a killed validator and a
//! restarted node go on.

use std::time::Duration;

use incentive::units::Hotkey;
use neuron_common::chain::Neuron;
use neuron_common::keystore::ss58;
use serde_json::Value;
use tests::deadline::until;
use tests::net::TestNet;
use tests::process::Process;

/// For a round with its checks and the extrinsic after it, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Subnet {
    pub net: TestNet,
    pub validator: Hotkey,
    pub honest: Hotkey,
    partial: Hotkey,
    /// The miners, which run for as long as this is there.
    _miners: [Process; 2],
}

impl Subnet {
    pub async fn start() -> anyhow::Result<Self> {
        let net = TestNet::start(super::policy()).await?;
        let validator = net.validator("validator").await?.hotkey();
        let honest = net.miner("honest").await?.hotkey();
        let partial = net.miner("partial").await?.hotkey();
        let config = |name| net.miner_config(name, |text| text).map(|path| path.display().to_string());
        let miners = [
            Process::start("miner", ["run", "--config", &config("honest")?], 1).await?,
            Process::start("cheat", ["run", "--kind", "partial", "--config", &config("partial")?], 1).await?,
        ];
        net.announced(&[honest, partial], PATIENCE).await?;
        net.validator_config("validator", |text| text)?;
        Ok(Self { net, validator, honest, partial, _miners: miners })
    }

    pub async fn validator(&self) -> anyhow::Result<Process> {
        let config = self.net.folder().join("validator.toml").display().to_string();
        Process::start("validator", ["run", "--config", &config], 1).await
    }

    pub async fn neuron(&self, hotkey: &Hotkey) -> anyhow::Result<Neuron> {
        let snapshot = self.net.snapshot().await?;
        snapshot.neuron(hotkey).cloned().ok_or_else(|| anyhow::anyhow!("a neuron is gone"))
    }

    /// Opens the window of the next tempo and waits until the validator has judged it and set weights in this epoch.
    pub async fn round(&self, validator: &Process) -> anyhow::Result<Value> {
        let window = self.net.window().await?.block.number;
        let board = until("the round is judged and the weights have landed", PATIENCE, async || {
            let board = board(validator).await?;
            let judged = board["round"]["window"] == window.get() && board["round"]["void"].is_null();
            let landed = board["submission"]["outcome"] == "landed";
            let this = board["submission"]["epoch"] == board["round"]["epoch"];
            (judged && landed && this).then_some(board)
        })
        .await;
        board.map_err(|error| error.context(validator.stderr()))
    }

    /// Runs the next epoch.
    async fn epoch(&self) -> anyhow::Result<()> {
        let snapshot = self.net.snapshot().await?;
        self.net.advance_to(snapshot.last_epoch_block.after(snapshot.tempo.into())).await
    }
}

pub async fn board(validator: &Process) -> Option<Value> {
    let answer = reqwest::get(format!("http://{}/v1/board", validator.address())).await.ok()?;
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

pub fn row<'a>(board: &'a Value, hotkey: &Hotkey) -> &'a Value {
    let rows = board["neurons"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().find(|row| row["hotkey"] == ss58(hotkey)).unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_worked_is_paid_and_a_killed_validator_goes_on() -> anyhow::Result<()> {
    let subnet = Subnet::start().await?;
    let validator = subnet.validator().await?;

    let board = subnet.round(&validator).await?;
    let (honest, partial) = (row(&board, &subnet.honest), row(&board, &subnet.partial));
    assert_eq!((&honest["verdict"], &honest["fault"]), (&Value::from("accepted"), &Value::Null), "{board:#}");
    assert!(honest["score"].as_u64() > Some(0), "{board:#}");
    assert_eq!(honest["weight"], 65_535, "{board:#}");
    assert_eq!((&partial["fault"], &partial["score"]), (&Value::from("wrong_row"), &Value::from(0)), "{board:#}");
    let landed = subnet.neuron(&subnet.validator).await?.last_update;

    // Killed right after its weights have landed: it must not send them again in this epoch.
    validator.kill().await?;
    let validator = subnet.validator().await?;
    subnet.net.produce(3).await?;
    let head = subnet.net.snapshot().await?.block.number;
    until("the validator has seen the head", PATIENCE, async || {
        board_block(&validator).await.filter(|seen| *seen >= head.get())
    })
    .await?;
    assert_eq!(subnet.neuron(&subnet.validator).await?.last_update, landed, "weights twice in one epoch");

    subnet.epoch().await?;
    assert!(subnet.neuron(&subnet.honest).await?.incentive > 0, "an honest miner earns");
    assert_eq!(subnet.neuron(&subnet.partial).await?.incentive, 0, "a cheat earns nothing");
    assert!(subnet.neuron(&subnet.validator).await?.dividends > 0, "the validator earns");

    let board = subnet.round(&validator).await?;
    assert!(subnet.neuron(&subnet.validator).await?.last_update > landed, "{board:#}");
    assert_eq!(row(&board, &subnet.honest)["verdict"], "accepted", "{board:#}");
    // What was proven before the kill is remembered.
    assert_eq!(row(&board, &subnet.partial)["score"], 0, "{board:#}");
    let ended = validator.stop().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_costs_no_weights() -> anyhow::Result<()> {
    let mut subnet = Subnet::start().await?;
    let validator = subnet.validator().await?;
    subnet.round(&validator).await?;
    let before = subnet.neuron(&subnet.validator).await?.last_update;

    subnet.net.restart().await?;
    let board = subnet.round(&validator).await?;
    assert_eq!(row(&board, &subnet.honest)["verdict"], "accepted", "{board:#}");
    assert!(subnet.neuron(&subnet.validator).await?.last_update > before, "{board:#}");
    Ok(())
}

async fn board_block(validator: &Process) -> Option<u64> {
    board(validator).await?["block"].as_u64()
}
