//! Weights are neither lost nor doubled, whatever goes wrong; and the count would see it if they were.

use std::sync::Arc;

use clap::ValueEnum as _;
use tests::faults::{Fault, Tally, Template, Who, run};
use tokio::task::JoinSet;

/// Runs at the same time: most of a run is waiting for blocks.
const JOBS: usize = 4;

/// One run of each fault; the seed differs from fault to fault.
async fn matrix(faults: &[Fault], who: Who) -> Vec<(Fault, Tally)> {
    let template = Arc::new(Template::new().await.unwrap());
    let mut waiting = faults.iter().copied().zip(100..);
    let (mut running, mut found) = (JoinSet::new(), Vec::new());
    loop {
        while running.len() < JOBS
            && let Some((fault, seed)) = waiting.next()
        {
            let template = Arc::clone(&template);
            running.spawn(async move { (fault, run(&template, fault, seed, who).await.unwrap()) });
        }
        let Some(done) = running.join_next().await else { return found };
        found.push(done.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_loses_or_doubles_weights() {
    let found = matrix(Fault::value_variants(), Who::Careful).await;
    assert_eq!(found.len(), Fault::value_variants().len());
    for (fault, tally) in found {
        assert_eq!((tally.lost, tally.doubled), (0, 0), "{fault:?} of {} epochs", tally.epochs);
        // Of two processes one stops and names its cause; alone none does.
        assert_eq!(tally.stopped, u64::from(fault == Fault::Second), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_signs_anew_blindly_is_seen_to_double() {
    let found = matrix(&[Fault::CutPooled, Fault::Slow], Who::Blind).await;
    assert!(found.iter().any(|(_, tally)| tally.doubled > 0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_looks_back_is_seen_to_lose() {
    let found = matrix(&[Fault::Kill, Fault::NonceTaken, Fault::PreferredStalls], Who::Once).await;
    assert!(found.iter().any(|(_, tally)| tally.lost > 0), "{found:?}");
}
