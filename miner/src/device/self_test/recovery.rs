//! A worker process that ends in the middle of a chain: does another one go on, with the same bits?

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use incentive::policy::Policy;
use incentive::units::{Block, Hotkey, NetUid};
use proof::{Challenge, Commitment, Digest, Opening, ScalarKernel, Solver, Weights};

use super::bits::REMEDY;
use super::table::{Outcome, Table};
use crate::device::DeviceName;
use crate::device::launch::Launch;
use crate::device::metrics::DeviceMetrics;
use crate::device::remote::RemoteWork;
use crate::device::supervisor::Supervisor;
use crate::work::{Work as _, Worker};

/// Rounds before the fault and after it.
const ROUNDS: usize = 3;
const CHECK: &str = "a killed worker is replaced";
const HOTKEY: Hotkey = Hotkey([4; 32]);

/// Kills the device's worker between two rounds of a chain, and looks at the rounds and the opening that follow.
pub(super) fn examine(table: &mut Table, name: DeviceName, launch: &Launch) -> Result<()> {
    let label = name.to_string();
    let worker = if name == DeviceName::Cpu { DeviceName::CpuProcess(0) } else { name };
    let (result, outcome) = match recovery(worker, launch)? {
        Ok(after) => (format!("next round after {:.2} s, all bits right", after.as_secs_f64()), Outcome::Ok),
        Err(wrong) => (wrong, Outcome::Failed),
    };
    table.add(&label, CHECK, result, "the chain goes on", outcome);
    Ok(())
}

/// How long the chain stood still, or what went wrong.
fn recovery(worker: DeviceName, launch: &Launch) -> Result<Result<Duration, String>> {
    let compute = Policy::dev().compute;
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
    let weights = Arc::new(Weights::resident(&challenge)?);
    let mut reference = Solver::new(Arc::clone(&weights), &HOTKEY, 0);
    let expected: Vec<Digest> =
        (0..2 * ROUNDS).map_while(|_| reference.next_round(&ScalarKernel)).map(|round| round.root).collect();

    let metrics = DeviceMetrics::default();
    let supervisor = Arc::new(Supervisor::start(worker, launch.clone(), metrics.clone())?);
    let living = supervisor.worker(launch.opening).context("the worker does not open the device")?;
    let mut chain = RemoteWork::new(Arc::clone(&supervisor)).start(Arc::clone(&weights), &HOTKEY, 0);
    let mut roots = take(chain.as_mut(), ROUNDS);
    living.crash();
    let fault = Instant::now();
    roots.extend(take(chain.as_mut(), 1));
    let stood = fault.elapsed();
    roots.extend(take(chain.as_mut(), ROUNDS - 1));

    let commitment = Commitment { hotkey: HOTKEY, chains: vec![expected.clone()] };
    let samples = proof::sample(&[5; 32], &challenge, &commitment);
    let rows = chain.open(&samples);
    Ok(if roots.len() != expected.len() {
        Err(format!("the chain ended after {} of {} rounds", roots.len(), expected.len()))
    } else if roots != expected {
        Err(format!("the roots are wrong; {REMEDY}"))
    } else if metrics.restarts(worker) != 1 {
        Err(format!("{} restarts were counted", metrics.restarts(worker)))
    } else {
        let opening = Opening { rows: rows.unwrap_or_default() };
        let verified = proof::verify(&weights, &ScalarKernel, &commitment, &samples, &opening);
        verified.map(|()| stood).map_err(|fault| format!("the opening is refused ({fault:?}); {REMEDY}"))
    })
}

fn take(chain: &mut dyn Worker, rounds: usize) -> Vec<Digest> {
    (0..rounds).map_while(|_| chain.next_round()).collect()
}
