//! What the chain says, kept fresh in the background.

use std::sync::Arc;
use std::time::Duration;

use incentive::policy::WindowPolicy;
use incentive::units::{Block, NetUid};
use neuron_common::chain::{ChainClient, ChainError, Snapshot};
use neuron_common::window::{OpenWindow, WindowClock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two looks at the metagraph while the chain answers.
const REFRESH: Duration = Duration::from_secs(12);

/// The newest of what this miner needs to know.
#[derive(Clone, Debug)]
pub struct View {
    /// The metagraph; permits change at epochs only.
    pub snapshot: Arc<Snapshot>,
    /// The newest window.
    pub window: Option<OpenWindow>,
    /// The newest block that the window rule was applied to.
    pub block: Block,
}

/// Reads the metagraph once and then follows the chain until `stop`.
///
/// # Errors
/// When the chain cannot be read at the start.
pub async fn follow(
    chain: ChainClient,
    netuid: NetUid,
    policy: &WindowPolicy,
    stop: CancellationToken,
) -> Result<watch::Receiver<View>, ChainError> {
    let snapshot = Arc::new(chain.snapshot(netuid, None).await?);
    let block = snapshot.block.number;
    let (sender, receiver) = watch::channel(View { snapshot, window: None, block });
    let clock = WindowClock::new(chain.clone(), netuid, policy.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = windows(clock, chain, netuid, sender) => {}
        }
    });
    Ok(receiver)
}

async fn windows(mut clock: WindowClock, chain: ChainClient, netuid: NetUid, view: watch::Sender<View>) {
    let mut epoch = None;
    let mut refreshed = tokio::time::Instant::now();
    loop {
        let tick = clock.next().await;
        view.send_modify(|view| {
            view.block = tick.block.number;
            view.window = tick.window.or(view.window);
        });
        // Permits change with epochs, registrations in between: both are rare, so not every block is worth a look.
        let due = epoch != Some(tick.epoch_index) || refreshed.elapsed() >= REFRESH;
        if !due {
            continue;
        }
        match chain.snapshot(netuid, Some(tick.block.hash)).await {
            Ok(snapshot) => {
                epoch = Some(snapshot.epoch_index);
                refreshed = tokio::time::Instant::now();
                view.send_modify(|view| view.snapshot = Arc::new(snapshot));
            }
            Err(error) => tracing::warn!(%error, "the metagraph could not be read; the last one stays in force"),
        }
    }
}
