//! Follows the chain and the validators' boards until the wanted number of epochs is paid.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use incentive::units::Uid;
use neuron_common::chain::Snapshot;

use super::Options;
use super::cast::{Field, Role};
use super::chat::{Chats, Line};
use super::judge::{Account, judge};
use super::launch::Processes;
use super::report::Report;
use super::setup::Subnet;
use super::table::{Row, render};

/// One line of a validator's board, as far as it is needed here.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct BoardRow {
    uid: u16,
    #[serde(default)]
    window: Option<u64>,
    #[serde(default)]
    fault: Option<String>,
    #[serde(default)]
    operations_per_second: Option<u64>,
    #[serde(default)]
    score: u64,
    #[serde(default)]
    weight: u16,
    #[serde(default)]
    inference: Vec<ModelRow>,
}

/// What it says about a neuron's answers of one model. A run has one model.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct ModelRow {
    #[serde(default)]
    window: Option<u64>,
    #[serde(default)]
    fault: Option<String>,
    #[serde(default)]
    tokens_per_second: Option<f64>,
    #[serde(default)]
    score: u64,
}

impl BoardRow {
    /// The window and the fault of its last verdict in a field.
    fn last(&self, field: Field) -> (Option<u64>, Option<&String>) {
        match field {
            Field::Compute => (self.window, self.fault.as_ref()),
            Field::Inference => {
                self.inference.first().map_or((None, None), |model| (model.window, model.fault.as_ref()))
            }
        }
    }
}

#[derive(Debug, serde::Deserialize)]
struct Board {
    neurons: Vec<BoardRow>,
}

/// What is known so far.
#[derive(Debug)]
struct Progress {
    /// The epoch that runs now, and whether the weights that it pays by could be measured in a whole epoch.
    epoch: Option<(u64, bool)>,
    /// Epochs in a row at whose start every validator held a permit.
    permitted: u64,
    counted: u32,
    /// Alpha per counted epoch.
    emissions: BTreeMap<Uid, Vec<u64>>,
    /// Faults by validator, uid and field, one per window of the counted epochs.
    faults: Vec<BTreeMap<(Uid, Field), Vec<String>>>,
    /// The windows whose verdicts are already in `faults`.
    seen: Vec<BTreeSet<(u16, Field, u64)>>,
    /// The newest boards.
    boards: Vec<BTreeMap<Uid, BoardRow>>,
}

/// Shows the table until `options.epochs` are paid, then reports; without `epochs` until Ctrl-C.
///
/// # Errors
/// When a program ends on its own or the chain is lost.
pub async fn watch(
    subnet: &Subnet,
    options: &Options,
    boards: &[SocketAddr],
    chats: &Chats,
    processes: &mut Processes,
) -> Result<Option<Report>> {
    let start = Instant::now();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
    let mut progress = Progress::new(boards.len());
    let mut blocks = subnet.chain.blocks();
    loop {
        let block = blocks.next().await;
        processes.all_run()?;
        let snapshot = subnet.chain.snapshot(subnet.netuid, Some(block.hash)).await?;
        progress.boards(&http, boards).await;
        let epoch_closed = progress.advance(&snapshot, subnet);
        let rows = progress.rows(&snapshot, subnet);
        let chats = chats.lines();
        show(options, &snapshot, &progress, &rows, &chats, epoch_closed);
        if options.epochs.is_some_and(|epochs| progress.counted >= epochs) {
            let findings = judge(&progress.accounts(&snapshot, subnet), &chats);
            return Ok(Some(Report {
                ok: findings.iter().all(|finding| finding.ok),
                runtime: incentive::RUNTIME,
                netuid: subnet.netuid.get(),
                epochs: progress.counted,
                seconds: start.elapsed().as_secs(),
                neurons: rows,
                chats,
                findings,
            }));
        }
    }
}

/// A terminal gets the table anew with every block, a file one table per epoch.
fn show(options: &Options, snapshot: &Snapshot, progress: &Progress, rows: &[Row], chats: &[Line], epoch_closed: bool) {
    let next = u64::from(snapshot.tempo).saturating_sub(snapshot.block.number.since(snapshot.last_epoch_block));
    let title = format!(
        "block {}, next epoch in {next} blocks, {} paid epochs{}",
        snapshot.block.number,
        progress.counted,
        options.epochs.map_or_else(String::new, |epochs| format!(" of {epochs}")),
    );
    let mut stderr = std::io::stderr();
    let live = stderr.is_terminal();
    if live || epoch_closed {
        let clear = if live { "\x1b[H\x1b[J" } else { "" };
        // A closed standard error must not end the subnet.
        let chats: String = chats.iter().map(|line| format!("{line}\n")).collect();
        let _closed = writeln!(stderr, "{clear}{title}\n\n{}\n\n{chats}", render(rows));
    }
}

impl Progress {
    fn new(validators: usize) -> Self {
        Self {
            epoch: None,
            permitted: 0,
            counted: 0,
            emissions: BTreeMap::new(),
            faults: vec![BTreeMap::new(); validators],
            seen: vec![BTreeSet::new(); validators],
            boards: vec![BTreeMap::new(); validators],
        }
    }

    /// Asks every validator for its board; one that does not answer keeps its last.
    async fn boards(&mut self, http: &reqwest::Client, addresses: &[SocketAddr]) {
        for (index, address) in addresses.iter().enumerate() {
            let Ok(board) = fetch(http, *address).await else { continue };
            let counting = matches!(self.epoch, Some((_, true)));
            for row in board.neurons.iter().filter(|_| counting) {
                for field in [Field::Compute, Field::Inference] {
                    let (Some(window), Some(fault)) = row.last(field) else { continue };
                    if self.seen[index].insert((row.uid, field, window)) {
                        self.faults[index].entry((Uid(row.uid), field)).or_default().push(fault.clone());
                    }
                }
            }
            self.boards[index] = board.neurons.into_iter().map(|row| (Uid(row.uid), row)).collect();
        }
    }

    /// Takes note of a new block; true when it closed an epoch.
    fn advance(&mut self, snapshot: &Snapshot, subnet: &Subnet) -> bool {
        let closed = match self.epoch {
            Some((index, payable)) if index != snapshot.epoch_index => {
                if payable {
                    self.counted += 1;
                    for neuron in &snapshot.neurons {
                        self.emissions.entry(neuron.uid).or_default().push(neuron.emission.get());
                    }
                }
                true
            }
            Some(_) => false,
            None => true,
        };
        if closed {
            let permits = subnet.neurons.iter().filter(|neuron| neuron.role == Role::Validator).all(|validator| {
                snapshot.neuron(&validator.key.hotkey()).is_some_and(|neuron| neuron.validator_permit)
            });
            self.permitted = if permits { self.permitted + 1 } else { 0 };
            self.epoch = Some((snapshot.epoch_index, self.permitted > reveal_lag(snapshot)));
        }
        closed
    }

    fn rows(&self, snapshot: &Snapshot, subnet: &Subnet) -> Vec<Row> {
        let board = self.boards.first();
        snapshot
            .neurons
            .iter()
            .map(|neuron| {
                let played = subnet.neurons.iter().find(|played| played.key.hotkey() == neuron.hotkey);
                let (name, role) = played
                    .map_or_else(|| ("owner".to_owned(), Role::Owner), |played| (played.name.clone(), played.role));
                let measured = board.and_then(|board| board.get(&neuron.uid)).cloned().unwrap_or_default();
                let works = !matches!(role, Role::Owner | Role::Validator);
                let paid = if role == Role::Validator { neuron.dividends } else { neuron.incentive };
                Row {
                    uid: neuron.uid.get(),
                    name,
                    role,
                    operations_per_second: measured.operations_per_second,
                    fault: works.then(|| self.fault(neuron.uid, Field::Compute)).flatten(),
                    tokens_per_second: measured.inference.first().and_then(|model| model.tokens_per_second),
                    inference_fault: works.then(|| self.fault(neuron.uid, Field::Inference)).flatten(),
                    score: measured.score,
                    inference_score: measured.inference.first().map_or(0, |model| model.score),
                    weight: measured.weight,
                    incentive: paid,
                    emission: neuron.emission.get(),
                    earned: self.emissions.get(&neuron.uid).map_or(0, |emissions| emissions.iter().sum()),
                    stake: neuron.stake.get(),
                }
            })
            .collect()
    }

    /// The newest fault that any validator found.
    fn fault(&self, uid: Uid, field: Field) -> Option<String> {
        self.boards.iter().find_map(|board| board.get(&uid)?.last(field).1.cloned())
    }

    fn accounts(&self, snapshot: &Snapshot, subnet: &Subnet) -> Vec<Account> {
        self.rows(snapshot, subnet)
            .into_iter()
            .map(|row| {
                let uid = Uid(row.uid);
                let faults = |field| {
                    self.faults.iter().map(|found| found.get(&(uid, field)).cloned().unwrap_or_default()).collect()
                };
                Account {
                    name: row.name,
                    uid,
                    role: row.role,
                    emissions: self.emissions.get(&uid).cloned().unwrap_or_default(),
                    score: row.score,
                    answers: row.inference_score,
                    compute: faults(Field::Compute),
                    inference: faults(Field::Inference),
                }
            })
            .collect()
    }
}

/// Epochs between the one in which weights are measured and the one that pays by them.
///
/// With commit-reveal they are revealed at the start of the next, which pays by them at its end.
fn reveal_lag(snapshot: &Snapshot) -> u64 {
    u64::from(snapshot.commit_reveal)
}

async fn fetch(http: &reqwest::Client, address: SocketAddr) -> Result<Board> {
    let response = http.get(format!("http://{address}/v1/board")).send().await?.error_for_status()?;
    response.json().await.context("the board of a validator")
}
