//! The fault matrix of submissions as a table: what is lost and doubled under each fault, by the validator's submitter and by two
//! that do it wrong on purpose.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum as _};
use tests::faults::{Fault, Tally, Template, Who, run};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Fault matrix of weight submissions
#[derive(Parser)]
struct Args {
    /// Runs of each fault, with the seeds 0, 1, 2 and so on
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Runs of each fault with each of the submitters that do it wrong
    #[arg(long, default_value_t = 2)]
    controls: u64,
    /// Only these faults
    #[arg(long, value_enum)]
    fault: Vec<Fault>,
    /// Runs at the same time
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let faults = if args.fault.is_empty() { Fault::value_variants().to_vec() } else { args.fault.clone() };
    let template = Arc::new(Template::new().await?);
    println!("| fault | epochs | lost | doubled | blind: doubled | once: lost |\n|---|---|---|---|---|---|");
    let mut all = [Tally::default(); 3];
    for fault in faults {
        let mut row = [Tally::default(); 3];
        for (place, (who, seeds)) in
            [(Who::Careful, args.seeds), (Who::Blind, args.controls), (Who::Once, args.controls)]
                .into_iter()
                .enumerate()
        {
            row[place] = runs(&template, fault, who, seeds, args.jobs).await?;
            all[place] += row[place];
        }
        line(&fault.name(), &row);
    }
    line("all", &all);
    anyhow::ensure!(all[0].lost + all[0].doubled == 0, "weights were lost or doubled");
    Ok(())
}

async fn runs(template: &Arc<Template>, fault: Fault, who: Who, seeds: u64, jobs: usize) -> Result<Tally> {
    let gate = Arc::new(Semaphore::new(jobs));
    let mut running = JoinSet::new();
    for seed in 0..seeds {
        let (template, gate) = (Arc::clone(template), Arc::clone(&gate));
        running.spawn(async move {
            let _turn = gate.acquire_owned().await?;
            let tally = run(&template, fault, seed, who).await.with_context(|| format!("{fault:?}, seed {seed}"))?;
            if who == Who::Careful && tally.lost + tally.doubled > 0 {
                eprintln!("{fault:?}, seed {seed}: {tally:?}");
            }
            anyhow::Ok(tally)
        });
    }
    let mut sum = Tally::default();
    while let Some(done) = running.join_next().await {
        sum += done??;
    }
    Ok(sum)
}

fn line(name: &str, [careful, blind, once]: &[Tally; 3]) {
    println!(
        "| {name} | {} | {} | {} | {} of {} | {} of {} |",
        careful.epochs, careful.lost, careful.doubled, blind.doubled, blind.epochs, once.lost, once.epochs
    );
}
