//! The inference half of a miner without a chain: its own HTTP, access, queue and sheets, before backends of a test.

use std::sync::Arc;

use anyhow::Result;
use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use miner::inference::Identity;
use miner::inference::access::{Access, Keys};
use miner::inference::config::InferenceConfig;
use miner::inference::metrics::Metrics;
use miner::inference::models::Opened;
use miner::inference::service::Service;
use miner::serve::{Door, serve};
use miner::view::View;
use neuron_common::chain::{BlockRef, Neuron, Snapshot};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::caller::Miner;

/// A miner that answers on loopback until this is dropped.
pub struct Host {
    /// How to reach it.
    pub miner: Miner,
    stop: CancellationToken,
    _view: watch::Sender<View>,
}

impl Host {
    /// Serves these models to one validator.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(models: Opened, identity: Identity, validator: Hotkey) -> Result<Self> {
        let config = InferenceConfig::default();
        let (view, receiver) = watch::channel(View { snapshot: Arc::new(snapshot(identity, validator)), window: None });
        let access = Access::new(identity.own, receiver, Keys::default(), config.anyone, config.api_keys_stake);
        let service = Service::new(&config, models, access, identity, Metrics::default());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let miner = Miner { address: listener.local_addr()?, hotkey: identity.own };
        let stop = CancellationToken::new();
        let metrics = miner::metrics::Metrics::default();
        tokio::spawn(serve(listener, service.routes(), Door::new(4096), metrics, stop.clone()));
        Ok(Self { miner, stop, _view: view })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A subnet of one validator with a permit and one miner.
fn snapshot(identity: Identity, validator: Hotkey) -> Snapshot {
    let neuron = |uid, hotkey, validator_permit| Neuron {
        uid: Uid(uid),
        hotkey,
        coldkey: hotkey,
        registered: Block(1),
        axon: None,
        validator_permit,
        active: true,
        last_update: Block(0),
        incentive: 0,
        dividends: 0,
        emission: Rao(0),
        stake: Rao(u64::from(validator_permit) * 1_000_000_000_000),
    };
    Snapshot {
        block: BlockRef { number: Block(100), hash: [7; 32] },
        netuid: NetUid(identity.netuid.0),
        tempo: 20,
        last_epoch_block: Block(90),
        epoch_index: 1,
        weights_rate_limit: 0,
        weights_version_key: 0,
        commit_reveal: false,
        owner_uid: None,
        neurons: vec![neuron(0, validator, true), neuron(1, identity.own, false)],
    }
}
