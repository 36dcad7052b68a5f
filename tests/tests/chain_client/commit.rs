//! Weights of a subnet with commit-reveal on: committed, revealed, and what stands in the way.

use localnet::Clock;
use localnet::subtensor::types::SubnetDefaults;
use neuron_common::chain::{Commit, SignedWeights};

use super::*;

async fn commit_reveal() -> LocalNet {
    let dev = Preset::dev();
    let preset = Preset { new_subnet: SubnetDefaults { commit_reveal: true, ..dev.new_subnet }, ..dev };
    // Blocks are made at once; with a clock of their own the beacon's rounds come with them.
    let clock = Clock::Fixed { genesis_ms: 1_700_000_000_000, step_ms: 250 };
    LocalNet::builder().preset(preset).seal(Seal::Instant).clock(clock).start().await.unwrap()
}

impl Subnet {
    async fn sealed(&self, weight: u16) -> (WeightVector, SignedWeights, Commit) {
        let snapshot = self.chain.snapshot(self.netuid, None).await.unwrap();
        let uid = snapshot.neuron(&self.miner.hotkey()).unwrap().uid;
        let vector = WeightVector { uids: vec![uid], values: vec![Weight(weight)] };
        let signed = self.chain.sign_weights(&self.validator, &snapshot, &vector, 0).await.unwrap();
        let commit = signed.commit.unwrap();
        assert_eq!(signed.extrinsic.call, "SubtensorModule.commit_timelocked_mechanism_weights");
        (vector, signed, commit)
    }

    async fn effective(&self) -> Vec<(Uid, Weight)> {
        let snapshot = self.chain.snapshot(self.netuid, None).await.unwrap();
        let uid = snapshot.neuron(&self.validator.hotkey()).unwrap().uid;
        self.chain.weights(self.netuid, uid).await.unwrap()
    }

    async fn epoch_index(&self) -> u64 {
        self.chain.epoch(self.netuid, self.chain.head().await.unwrap()).await.unwrap().index
    }
}

async fn advance(net: &LocalNet, block: Block) {
    net.advance_to(u32::try_from(block.get()).unwrap()).await.unwrap();
}

#[tokio::test]
async fn committed_weights_count_from_the_foreseen_block_on() {
    let net = commit_reveal().await;
    let subnet = Subnet::permitted(&net).await;
    assert!(subnet.chain.snapshot(subnet.netuid, None).await.unwrap().commit_reveal);
    let (vector, signed, commit) = subnet.sealed(65535).await;
    let inclusion = subnet.chain.submit(&signed.extrinsic).await.unwrap();
    assert!(inclusion.block < commit.closes && commit.closes == commit.reveal_block, "{inclusion:?} {commit:?}");
    advance(&net, Block(commit.reveal_block.get() - 1)).await;
    assert_eq!(subnet.effective().await, [], "nobody can read them before");
    // Rounds are counted in seconds, so the pulse may come some blocks into the epoch.
    for later in 0..=8 {
        advance(&net, commit.reveal_block.after(later)).await;
        if !subnet.effective().await.is_empty() {
            break;
        }
    }
    assert_eq!(subnet.epoch_index().await, commit.reveal_epoch);
    assert_eq!(subnet.effective().await, vector.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_missing_pulse_leaves_the_weights_unrevealed() {
    let net = commit_reveal().await;
    let subnet = Subnet::permitted(&net).await;
    let (_, signed, commit) = subnet.sealed(65535).await;
    subnet.chain.submit(&signed.extrinsic).await.unwrap();
    net.withhold_pulses(true).await.unwrap();
    advance(&net, commit.reveal_block.after(64)).await;
    assert!(subnet.epoch_index().await > commit.reveal_epoch);
    assert_eq!(subnet.effective().await, []);
}

#[tokio::test]
async fn a_version_that_is_not_known_is_refused_by_name() {
    let net = commit_reveal().await;
    let subnet = Subnet::permitted(&net).await;
    assert!(subnet.chain.foresee_commit(subnet.netuid).await.unwrap().is_some());
    let key = sp_crypto_hashing::twox_128(b"SubtensorModule");
    let item = [key, sp_crypto_hashing::twox_128(b"CommitRevealWeightsVersion")].concat();
    let pair = Value::unnamed_composite([Value::from_bytes(item), Value::from_bytes(5u16.to_le_bytes())]);
    let items = vec![("items".to_owned(), Value::unnamed_composite([pair]))];
    subnet.chain.sudo(&super::key("//Alice"), "System", "set_storage", items).await.unwrap();
    let error = subnet.chain.foresee_commit(subnet.netuid).await.unwrap_err();
    assert_eq!(error, ChainError::CommitRevealVersion { found: 5 });
    let vector = WeightVector { uids: vec![Uid(1)], values: vec![Weight(65535)] };
    let snapshot = subnet.chain.snapshot(subnet.netuid, None).await.unwrap();
    let error = subnet.chain.sign_weights(&subnet.validator, &snapshot, &vector, 0).await.unwrap_err();
    assert_eq!(error, ChainError::CommitRevealVersion { found: 5 });
}
