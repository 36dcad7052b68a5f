//! What the chain says, kept fresh in the background.

use std::sync::Arc;
use std::time::Duration;

use incentive::policy::Policy;
use incentive::units::NetUid;
use neuron_common::chain::{ChainClient, ChainError, Snapshot};
use neuron_common::window::{OpenWindow, WindowClock};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two looks at the metagraph while the epoch stays the same.
const REFRESH: Duration = Duration::from_secs(12);

/// The newest of what this miner needs to know.
#[derive(Clone, Debug)]
pub struct View {
    /// The metagraph; permits change at epochs only.
    pub snapshot: Arc<Snapshot>,
    /// The newest window.
    pub window: Option<OpenWindow>,
}

/// Reads the metagraph once and then follows the chain until `stop`.
///
/// # Errors
/// When the chain cannot be read at the start.
pub async fn follow(
    chain: ChainClient,
    netuid: NetUid,
    policy: &Policy,
    stop: CancellationToken,
) -> Result<watch::Receiver<View>, ChainError> {
    let snapshot = Arc::new(chain.snapshot(netuid, None).await?);
    let (view, receiver) = watch::channel(View { snapshot, window: None });
    let clock = WindowClock::new(chain.clone(), netuid, policy);
    tokio::spawn(stop.clone().run_until_cancelled_owned(windows(clock, view.clone())));
    tokio::spawn(stop.run_until_cancelled_owned(metagraph(chain, netuid, view)));
    Ok(receiver)
}

async fn windows(mut clock: WindowClock, view: watch::Sender<View>) {
    loop {
        let window = clock.next().await;
        view.send_modify(|view| view.window = Some(window));
    }
}

/// Permits change with epochs and registrations in between: both are rare, so not every block is worth a look.
async fn metagraph(chain: ChainClient, netuid: NetUid, view: watch::Sender<View>) {
    let mut blocks = chain.blocks();
    let mut refreshed = Instant::now();
    loop {
        let block = blocks.next().await;
        let due = refreshed.elapsed() >= REFRESH;
        let fresh = async {
            let epoch = chain.epoch(netuid, block).await?;
            if !due && epoch.index == view.borrow().snapshot.epoch_index {
                return Ok(None);
            }
            chain.snapshot(netuid, Some(block.hash)).await.map(Some)
        };
        match fresh.await {
            Ok(None) => {}
            Ok(Some(snapshot)) => {
                refreshed = Instant::now();
                view.send_modify(|view| view.snapshot = Arc::new(snapshot));
            }
            Err::<_, ChainError>(error) => {
                tracing::warn!(%error, "the metagraph could not be read; the last one stays in force");
            }
        }
    }
}
