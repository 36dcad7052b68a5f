//! Several endpoints of one chain that fail, stall, lag and lie.

use incentive::units::Block;

use super::fake::{Fake, hash};
use super::*;

/// Nothing in these tests takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn timing() -> Timing {
    Timing { request: Duration::from_secs(3), poll: Duration::from_millis(40), ..Timing::default() }
}

async fn connect(endpoints: &[&Fake]) -> Result<ChainClient, ChainError> {
    let endpoints = endpoints.iter().map(|fake| Endpoint::new(fake.endpoint())).collect();
    ChainClient::connect_with(&ChainConfig { endpoints, genesis: None }, Role::Validator, timing()).await
}

/// Waits until the client uses this endpoint.
async fn moved(chain: &ChainClient, to: &Fake) {
    let moving = async {
        while chain.endpoint() != to.endpoint() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, moving).await.expect("the client does not move");
}

#[tokio::test]
async fn one_that_dies_is_left_and_taken_back() {
    let (mut first, second) = (Fake::start(5).await, Fake::start(5).await);
    let chain = connect(&[&first, &second]).await.unwrap();
    assert_eq!(chain.endpoint(), first.endpoint());
    let mut blocks = chain.blocks();
    assert_eq!(blocks.next().await.number, Block(5));

    first.stop().await;
    let start = Instant::now();
    assert_eq!(chain.head().await.unwrap().number, Block(5));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(chain.endpoint(), second.endpoint());
    second.finalize(1, 0);
    let block = tokio::time::timeout(LIMIT, blocks.next()).await.expect("no block came");
    assert_eq!((block.number, block.hash), (Block(6), hash(6, 0)));

    first.finalize(1, 0);
    first.restart().await;
    moved(&chain, &first).await;
    assert_eq!(chain.head().await.unwrap().number, Block(6));
}

#[tokio::test]
async fn one_that_stays_open_and_says_nothing_is_left_within_seconds() {
    let (first, second) = (Fake::start(5).await, Fake::start(5).await);
    let chain = connect(&[&first, &second]).await.unwrap();
    first.change(|chain| chain.silent = true);
    let start = Instant::now();
    assert_eq!(chain.block_hash(Block(3)).await.unwrap(), Some(hash(3, 0)), "asked again at the other");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(chain.endpoint(), second.endpoint());
}

#[tokio::test]
async fn one_that_lags_is_left_and_taken_back_when_it_has_caught_up() {
    let (first, second) = (Fake::start(5).await, Fake::start(5).await);
    let chain = connect(&[&first, &second]).await.unwrap();
    second.finalize(20, 0);
    moved(&chain, &second).await;
    assert_eq!(chain.head().await.unwrap().number, Block(25));
    first.finalize(20, 0);
    moved(&chain, &first).await;

    let late = connect(&[&Fake::start(5).await, &second]).await.unwrap();
    assert_eq!(late.endpoint(), second.endpoint(), "also at the start");
}

#[tokio::test]
async fn all_must_serve_one_chain() {
    let (first, second) = (Fake::start(5).await, Fake::start(5).await);
    second.change(|chain| chain.hashes[0] = [1; 32]);
    let error = connect(&[&first, &second]).await.err().unwrap();
    assert!(matches!(&error, ChainError::WrongChain { endpoint, .. } if *endpoint == second.endpoint()), "{error:?}");

    // One that turns to another chain later is no way out.
    let (mut first, mut second) = (Fake::start(5).await, Fake::start(5).await);
    let chain = connect(&[&first, &second]).await.unwrap();
    second.stop().await;
    second.change(|chain| chain.hashes[0] = [1; 32]);
    second.restart().await;
    let left_out = async { while chain.health().await[1].head.is_some() {} };
    tokio::time::timeout(LIMIT, left_out).await.expect("it is not left out");
    first.stop().await;
    let asking = tokio::spawn({
        let chain = chain.clone();
        async move { chain.head().await }
    });
    first.restart().await;
    assert_eq!(asking.await.unwrap().unwrap().number, Block(5));
    assert_eq!(chain.endpoint(), first.endpoint());
}

#[tokio::test]
async fn those_that_are_down_at_the_start_are_named_without_their_secrets() {
    let second = Fake::start(5).await;
    let dead = format!("ws://user:s3cret@{}/v1/s3cret?key=s3cret", unused().await);
    let with =
        |list: &[&str]| ChainConfig { endpoints: list.iter().map(|at| Endpoint::new(*at)).collect(), genesis: None };
    let alive = second.endpoint();
    let chain = ChainClient::connect_with(&with(&[&dead, &alive]), Role::Validator, timing()).await.unwrap();
    assert_eq!(chain.endpoint(), alive);
    let health = chain.health().await;
    assert_eq!((health[0].head, health[1].in_use), (None, true));
    let error = ChainClient::connect_with(&with(&[&dead, &dead]), Role::Validator, timing()).await.err().unwrap();
    let texts = [format!("{error} {error:?}"), format!("{health:?}")];
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
    assert!(texts.iter().all(|text| !text.contains("s3cret")), "{texts:?}");
}
