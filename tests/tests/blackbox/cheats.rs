//! Every cheat with compute in one window with an honest miner: each gets the fault that it deserves, the honest one passes.

use std::sync::Arc;
use std::time::Duration;

use incentive::units::Hotkey;
use incentive::verdict::{Fault, Verdict};
use localnet::up::{Fate, Field};
use neuron_common::keystore::Keypair;
use tests::caller::{Asked, Caller, Miner};
use tests::cheats::Kind;
use tests::net::TestNet;
use tests::process::Process;

/// One hotkey in the window, and what it should get; without any fault, an accepted answer.
struct Player {
    name: String,
    key: Keypair,
    deserves: &'static [Fault],
}

const fn deserves(kind: Kind) -> &'static [Fault] {
    match kind.fate() {
        Fate::Caught(faults) => faults,
        Fate::Earns | Fate::EarnsAsOne => &[],
    }
}

async fn player(net: &TestNet, name: String, deserves: &'static [Fault]) -> anyhow::Result<Player> {
    let key = net.miner(&name).await?;
    net.miner_config(&name, |text| text)?;
    Ok(Player { name, key, deserves })
}

fn config(net: &TestNet, name: &str) -> [String; 2] {
    ["--config".to_owned(), net.folder().join(format!("{name}.toml")).display().to_string()]
}

/// The honest miner and all cheats, registered and running.
async fn cast(net: &TestNet) -> anyhow::Result<(Vec<Player>, Vec<Process>)> {
    let mut players = vec![player(net, "honest".to_owned(), &[]).await?];
    let args = [vec!["run".to_owned()], config(net, "honest").to_vec()].concat();
    let mut processes = vec![Process::start("miner", args, 1).await?];
    for kind in Kind::of(Field::Compute) {
        let mut args = vec!["run".to_owned(), "--kind".to_owned(), kind.name().to_owned()];
        for number in 0..kind.hotkeys() {
            let player = player(net, format!("{}-{number}", kind.name()), deserves(kind)).await?;
            args.extend(config(net, &player.name));
            players.push(player);
        }
        processes.push(Process::start("cheat", args, kind.hotkeys()).await?);
    }
    Ok((players, processes))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cheat_gets_the_fault_that_it_deserves() -> anyhow::Result<()> {
    let net = TestNet::start(super::policy()).await?;
    let caller = Arc::new(Caller::new(net.validator("validator").await?)?);
    let (players, processes) = cast(&net).await?;
    let hotkeys: Vec<Hotkey> = players.iter().map(|player| player.key.hotkey()).collect();
    let snapshot = net.announced(&hotkeys, Duration::from_secs(60)).await?;

    let window = net.window().await?;
    let asked = Arc::new(Asked::new(net.chain().genesis(), net.netuid(), &window, net.policy(), [5; 32]));
    let examinations: Vec<_> = players
        .iter()
        .map(|player| {
            let hotkey = player.key.hotkey();
            let address = snapshot.neuron(&hotkey).and_then(|neuron| neuron.axon).expect("announced");
            let (caller, asked) = (Arc::clone(&caller), Arc::clone(&asked));
            tokio::spawn(async move { caller.examine(&Miner { address, hotkey }, &asked).await })
        })
        .collect();

    let mut wrong = Vec::new();
    for (player, examination) in players.iter().zip(examinations) {
        let verdict = examination.await??;
        let right = match player.deserves {
            [] => matches!(verdict, Verdict::Accepted(score) if score.get() > 0),
            faults => matches!(verdict, Verdict::Rejected(fault) if faults.contains(&fault)),
        };
        if !right {
            wrong.push(format!("{}: {verdict:?}, deserves {:?}", player.name, player.deserves));
        }
    }
    let logs: Vec<String> = processes.iter().map(Process::stderr).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", logs.join("\n"));
    Ok(())
}
