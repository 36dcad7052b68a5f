//! Starts the programs of a subnet, each with a configuration file that a person could have written.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use neuron_common::keystore;

use super::cast::{Cheat, Field, Role};
use super::chat::Served;
use super::pay::Pay;
use super::process::Process;
use super::setup::{Neuron, Subnet, wallet};
use super::{Options, miner_address};

/// All programs that run.
#[derive(Debug, Default)]
pub struct Processes(Vec<Process>);

impl Processes {
    /// Fails when a program has ended on its own.
    ///
    /// # Errors
    /// Names the program and shows the end of its log.
    pub fn all_run(&mut self) -> Result<()> {
        for process in &mut self.0 {
            if let Some(status) = process.ended() {
                bail!("{} ended on its own ({status}); the end of its log:\n{}", process.name(), process.log_tail());
            }
        }
        Ok(())
    }

    /// Stops all programs, the chain last.
    pub async fn stop(&mut self) {
        let neurons = self.0.split_off(self.0.len().min(1));
        futures_util::future::join_all(neurons.into_iter().map(|mut neuron| async move { neuron.stop().await })).await;
        for mut node in self.0.drain(..) {
            node.stop().await;
        }
    }
}

/// A program that was built next to this one.
///
/// # Errors
/// When it was not.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let path = own.with_file_name(name);
    if !path.exists() {
        bail!("{} is not there; build everything with `cargo build --bins`", path.display());
    }
    Ok(path)
}

/// Starts the chain and returns the URL that it prints.
///
/// # Errors
/// When it does not start.
pub async fn node(options: &Options, base: &Path, processes: &mut Processes) -> Result<String> {
    let mut args: Vec<OsString> = vec!["node".into(), "--base-path".into(), base.join("chain").into()];
    for (flag, value) in [
        ("--port", options.port.to_string()),
        ("--seal", "interval".to_owned()),
        ("--block-ms", options.block_ms.to_string()),
        ("--tempo", options.tempo.to_string()),
    ] {
        args.push(flag.into());
        args.push(value.into());
    }
    if miner_address(0) == std::net::IpAddr::from([127, 0, 0, 1]) {
        args.push("--allow-loopback".into());
    }
    let (process, line) = Process::start("node", &std::env::current_exe()?, &args, &base.join("logs")).await?;
    processes.0.push(process);
    let url = line.split_whitespace().find(|word| word.starts_with("ws://"));
    Ok(url.with_context(|| format!("the node said {line:?} instead of its URL"))?.to_owned())
}

/// Where what runs can be reached.
#[derive(Debug, Default)]
pub struct Launched {
    /// The boards of the validators.
    pub boards: Vec<SocketAddr>,
    /// The axons of the honest miners, by name.
    pub miners: Vec<(String, SocketAddr)>,
}

/// What every program of a run is started with.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Who takes part.
    pub subnet: &'a Subnet,
    /// The model.
    pub served: &'a Served,
    /// What is paid for.
    pub pay: &'a Pay,
    /// The chain.
    pub url: &'a str,
    /// Where files lie.
    pub base: &'a Path,
}

/// Starts validators and miners.
///
/// # Errors
/// When one of them does not start.
pub async fn neurons(stage: Stage<'_>, processes: &mut Processes) -> Result<Launched> {
    let groups = groups(&stage.subnet.neurons).into_iter().enumerate();
    let starts = groups.map(|(number, group)| stage.start(number, group));
    let mut launched = Launched::default();
    for (role, process, line) in try_join_all(starts).await? {
        let name = process.name().to_owned();
        processes.0.push(process);
        if matches!(role, Role::Validator | Role::Miner) {
            let address = line.split_whitespace().find_map(|word| word.trim_start_matches("http://").parse().ok());
            let address = address.with_context(|| format!("{name} said {line:?} instead of its address"))?;
            if role == Role::Validator {
                launched.boards.push(address);
            } else {
                launched.miners.push((name, address));
            }
        }
    }
    Ok(launched)
}

/// Neurons by process: the hotkeys of one `shared` cheat live in one.
fn groups(neurons: &[Neuron]) -> Vec<Vec<&Neuron>> {
    let mut groups: Vec<Vec<&Neuron>> = Vec::new();
    for neuron in neurons {
        match groups.last_mut() {
            Some(group) if group[0].role == neuron.role && neuron.role == Role::Cheat(Cheat::Shared) => {
                group.push(neuron)
            }
            _ => groups.push(vec![neuron]),
        }
    }
    groups
}

impl Stage<'_> {
    /// Starts one process and returns the line that says it is ready.
    async fn start(self, number: usize, group: Vec<&Neuron>) -> Result<(Role, Process, String)> {
        let Self { subnet, base, .. } = self;
        let first = group[0];
        let mut configs = Vec::new();
        for neuron in &group {
            let path = base.join(format!("{}.toml", neuron.name));
            std::fs::write(&path, self.config(number, neuron))
                .with_context(|| format!("cannot write {}", path.display()))?;
            configs.push(path);
        }
        let (name, mut args): (&str, Vec<OsString>) = match first.role {
            Role::Owner => bail!("the owner runs no program"),
            Role::Validator => ("validator", vec!["run".into()]),
            Role::Miner => ("miner", vec!["run".into()]),
            Role::Cheat(cheat) => ("cheat", vec!["run".into(), "--kind".into(), cheat.name().into()]),
        };
        for config in configs {
            args.push("--config".into());
            args.push(config.into());
        }
        if first.role == Role::Cheat(Cheat::Foreign) {
            // Whose work it shows: any other miner's will do.
            let owner = subnet.neurons.iter().find(|neuron| neuron.role == Role::Miner).unwrap_or(&subnet.neurons[0]);
            args.push("--foreign".into());
            args.push(keystore::ss58(&owner.key.hotkey()).into());
        }
        let (process, line) = Process::start(&first.name, &program(name)?, &args, &base.join("logs")).await?;
        Ok((first.role, process, line))
    }

    /// What a person would write for this neuron.
    fn config(self, number: usize, neuron: &Neuron) -> String {
        let Self { subnet, served, pay, url, base } = self;
        let (netuid, wallets, policy) = (subnet.netuid, subnet.wallets.display(), pay.policy().display());
        let (wallet, name) = (wallet(), &neuron.name);
        let own = if neuron.role == Role::Validator {
            // Everything shares two cores here: standing still for a second says nothing about the machine.
            "[round]\nlag_limit_ms = 2000\nverify_threads = 1\n".to_owned()
        } else {
            format!("[axon]\nlisten = \"{}:0\"\n", miner_address(number))
        };
        let database = match neuron.role {
            Role::Validator => format!("database = '{}'\n", base.join(format!("{name}.db")).display()),
            Role::Owner | Role::Miner | Role::Cheat(_) => String::new(),
        };
        let inference = match neuron.role {
            Role::Validator => pay.validator(),
            Role::Miner => served.config(),
            Role::Cheat(cheat) if cheat.field() == Field::Inference => served.config(),
            Role::Cheat(_) | Role::Owner => String::new(),
        };
        format!(
            "netuid = {netuid}\npolicy = '{policy}'\n{database}\n[chain]\nendpoint = \"{url}\"\n\n\
             [wallet]\npath = '{wallets}'\nname = \"{wallet}\"\nhotkey = \"{name}\"\n\n{own}\n\
             [telemetry]\nlisten = \"127.0.0.1:0\"\n\n{inference}"
        )
    }
}
