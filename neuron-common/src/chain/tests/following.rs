use incentive::units::Block;
use parity_scale_codec::{Decode as _, Encode as _};
use subxt::ext::frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v16::RuntimeMetadataV16};

use super::fake::{Fake, hash};
use super::*;

/// Nothing in these tests takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn timing() -> Timing {
    Timing {
        // Long enough for the metadata on a busy machine.
        request: Duration::from_secs(3),
        patience: Duration::from_secs(7),
        poll: Duration::from_millis(50),
        ..Timing::default()
    }
}

async fn connect(fake: &Fake) -> ChainClient {
    ChainClient::connect_with(&config(fake.endpoint()), Role::Validator, timing()).await.unwrap()
}

/// The next `count` blocks: numbers and forks.
async fn take(blocks: &mut Blocks, count: usize) -> Vec<(u64, u8)> {
    let mut found = Vec::new();
    while found.len() < count {
        let block = tokio::time::timeout(LIMIT, blocks.next()).await.expect("no block came");
        let number = block.number.get();
        assert_eq!(block.hash, hash(number, block.hash[31]));
        found.push((number, block.hash[31]));
    }
    found
}

/// Whether no block comes for a while.
async fn quiet(blocks: &mut Blocks) -> bool {
    tokio::time::timeout(Duration::from_millis(400), blocks.next()).await.is_err()
}

fn row(numbers: std::ops::RangeInclusive<u64>, fork: u8) -> Vec<(u64, u8)> {
    numbers.map(|number| (number, fork)).collect()
}

#[tokio::test]
async fn blocks_that_were_finalized_together_come_one_by_one() {
    let fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    assert_eq!(take(&mut blocks, 1).await, row(5..=5, 0));
    fake.finalize(100, 0);
    assert_eq!(take(&mut blocks, 100).await, row(6..=105, 0));
    assert!(quiet(&mut blocks).await);
    let mut from = chain.blocks_from(Block(90));
    assert_eq!(take(&mut from, 16).await, row(90..=105, 0));
}

#[tokio::test]
async fn a_restarted_node_costs_no_block_and_repeats_none() {
    let mut fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    take(&mut blocks, 1).await;
    // The same head after the restart.
    fake.stop().await;
    fake.restart().await;
    assert!(quiet(&mut blocks).await);
    fake.finalize(1, 0);
    assert_eq!(take(&mut blocks, 1).await, row(6..=6, 0));
    // Blocks while it was away.
    fake.stop().await;
    fake.finalize(40, 0);
    assert!(quiet(&mut blocks).await);
    fake.restart().await;
    assert_eq!(take(&mut blocks, 40).await, row(7..=46, 0));
    assert!(quiet(&mut blocks).await);
}

#[tokio::test]
async fn a_node_that_is_behind_repeats_no_block() {
    let mut fake = Fake::start(50).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    take(&mut blocks, 1).await;
    fake.stop().await;
    fake.change(|chain| chain.hashes.truncate(46));
    fake.restart().await;
    assert!(quiet(&mut blocks).await);
    fake.finalize(6, 0);
    assert_eq!(take(&mut blocks, 1).await, row(51..=51, 0));
}

#[tokio::test]
async fn a_hash_that_the_node_does_not_know_yet_is_asked_for_again() {
    let fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    take(&mut blocks, 1).await;
    fake.change(|chain| chain.known = Some(7));
    fake.finalize(4, 0);
    assert_eq!(take(&mut blocks, 2).await, row(6..=7, 0));
    assert!(quiet(&mut blocks).await);
    fake.change(|chain| chain.known = None);
    assert_eq!(take(&mut blocks, 2).await, row(8..=9, 0));
}

#[tokio::test]
async fn rewritten_blocks_are_handed_out_again_from_the_fork() {
    let fake = Fake::start(10).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks_from(Block(1));
    take(&mut blocks, 10).await;
    fake.change(|chain| chain.hashes.truncate(7));
    fake.finalize(2, 1);
    assert_eq!(take(&mut blocks, 2).await, row(7..=8, 1));
    fake.finalize(4, 1);
    assert_eq!(take(&mut blocks, 4).await, row(9..=12, 1));
    assert!(quiet(&mut blocks).await);
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    take(&mut blocks, 1).await;
    fake.change(|chain| chain.silent = true);
    assert!(quiet(&mut blocks).await);
    assert!(matches!(chain.head().await, Err(ChainError::Timeout { .. })));
    fake.change(|chain| chain.silent = false);
    fake.finalize(2, 0);
    assert_eq!(take(&mut blocks, 2).await, row(6..=7, 0));
}

#[tokio::test]
async fn a_cancelled_wait_loses_no_block() {
    let fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    let mut blocks = chain.blocks();
    take(&mut blocks, 1).await;
    let mut found = Vec::new();
    fake.finalize(60, 0);
    for attempt in 0..4000 {
        let wait = Duration::from_micros(100) * (attempt % 300);
        if let Ok(block) = tokio::time::timeout(wait, blocks.next()).await {
            found.push((block.number.get(), block.hash[31]));
        }
        if found.len() == 60 {
            break;
        }
    }
    assert_eq!(found, row(6..=65, 0));
}

#[tokio::test]
async fn a_call_waits_for_the_node_and_then_gives_up_by_name() {
    let mut fake = Fake::start(5).await;
    let chain = connect(&fake).await;
    assert_eq!(chain.genesis(), hash(0, 0));
    assert_eq!(chain.report().spec_version, Some(424));
    fake.stop().await;
    let start = Instant::now();
    let error = chain.head().await.unwrap_err();
    assert!(matches!(error, ChainError::Timeout { .. }) && error.is_transient(), "{error:?}");
    assert!(start.elapsed() >= timing().patience && start.elapsed() < LIMIT);
    let asking = tokio::spawn({
        let chain = chain.clone();
        async move { chain.block_hash(Block(3)).await }
    });
    fake.restart().await;
    assert_eq!(asking.await.unwrap(), Ok(Some(hash(3, 0))));
}

#[tokio::test]
async fn another_chain_is_refused_at_the_start_and_after_a_reconnect() {
    let mut fake = Fake::start(5).await;
    let pinned = ChainConfig { genesis: Some([9; 32]), ..config(fake.endpoint()) };
    let error = ChainClient::connect_with(&pinned, Role::Validator, timing()).await.err().unwrap();
    assert!(matches!(error, ChainError::WrongChain { .. }), "{error:?}");
    assert!(error.to_string().contains(&hex::encode([9; 32])));

    let chain = connect(&fake).await;
    fake.stop().await;
    fake.change(|chain| chain.hashes[0] = [1; 32]);
    fake.restart().await;
    assert!(matches!(chain.head().await, Err(ChainError::WrongChain { .. })));
}

/// The main network's metadata without some parts of it.
fn without(remove: impl FnOnce(&mut RuntimeMetadataV16)) -> Vec<u8> {
    let bytes = include_bytes!("../../../../runtime-metadata/artifacts/finney-424-v16.scale");
    let mut prefixed = RuntimeMetadataPrefixed::decode(&mut &bytes[..]).unwrap();
    let RuntimeMetadata::V16(v16) = &mut prefixed.1 else { panic!("not V16") };
    remove(v16);
    prefixed.encode()
}

#[tokio::test]
async fn a_chain_without_subtensor_is_refused() {
    let fake = Fake::start(5).await;
    fake.change(|chain| {
        chain.metadata = Some(without(|v16| v16.pallets.retain(|pallet| pallet.name != "SubtensorModule")));
    });
    let error = ChainClient::connect_with(&config(fake.endpoint()), Role::Validator, timing()).await.err().unwrap();
    assert!(matches!(error, ChainError::NotSubtensor { .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_runtime_lacks_is_refused_by_name_when_it_is_used() {
    let fake = Fake::start(5).await;
    fake.change(|chain| {
        chain.metadata = Some(without(|v16| v16.apis.retain(|api| api.name != "SubnetInfoRuntimeApi")));
    });
    let chain = connect(&fake).await;
    assert!(!chain.report().fits(Role::Validator));
    assert!(chain.head().await.is_ok(), "the rest goes on");
    let error = chain.snapshot(incentive::units::NetUid(1), None).await.unwrap_err();
    let items = "SubnetInfoRuntimeApi.get_metagraph is missing with its whole API".to_owned();
    assert_eq!(error, ChainError::Incompatible { spec_version: 424, items });
}
