//! Making blocks, taking them back, and what clients see of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use localnet::{Clock, LocalNet, Preset, Seal, preset::BeaconChoice, runtime::RuntimeCall};
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::MultiAddress;
use subxt::rpcs::{RpcClient, client::RpcSubscription, rpc_params};

use crate::{
    client::{Client, rpc},
    extrinsic::{remark, signed},
};

const FIXED: Clock = Clock::Fixed { genesis_ms: 1_700_000_000_000, step_ms: 12_000 };

/// A chain whose blocks hold nothing but what the test puts in.
async fn manual() -> LocalNet {
    let preset = Preset { beacon: BeaconChoice::Quicknet, ..Preset::dev() };
    LocalNet::builder().preset(preset).seal(Seal::Manual).clock(FIXED).self_check(true).start().await.expect("starts")
}

async fn ask<T: serde::de::DeserializeOwned>(
    client: &RpcClient,
    method: &str,
    params: subxt::rpcs::client::RpcParams,
) -> T {
    client.request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
}

async fn next(subscription: &mut RpcSubscription<serde_json::Value>) -> serde_json::Value {
    subscription.next().await.expect("goes on").expect("no error")
}

#[tokio::test]
async fn equal_clocks_give_equal_hashes_and_a_revert_leaves_no_trace() {
    let (one, two) = (manual().await, manual().await);
    let there = one.produce(30).await.expect("produces");
    two.produce(20).await.expect("produces");
    assert_eq!(two.revert(7).await.expect("reverts").number, 13);
    assert_eq!(two.advance_to(30).await.expect("advances"), there);
    assert_eq!(two.advance_to(10).await.expect("is past it"), there);
    two.revert(31).await.expect_err("more than there are");
    assert_eq!(two.revert(30).await.expect("reverts").hash, one.chain().genesis().hash);
}

#[tokio::test]
async fn a_dry_run_tells_the_outcome_and_leaves_nothing() {
    let net = manual().await;
    let client = rpc(&net).await;
    let head = net.produce(3).await.expect("produces");
    let to_bob = |value| {
        let call = pallet_balances::Call::transfer_keep_alive { dest: MultiAddress::Id(Bob.to_account_id()), value };
        format!("0x{}", hex::encode(signed(&net, Alice, 0, RuntimeCall::Balances(call))))
    };
    // Twice the same: the first left no trace.
    for _ in 0..2 {
        assert_eq!(ask::<String>(&client, "system_dryRun", rpc_params![to_bob(5)]).await, "0x0000");
    }
    let poor: String = ask(&client, "system_dryRun", rpc_params![to_bob(u64::MAX), head.hash]).await;
    assert!(poor.starts_with("0x0001"), "{poor} is no dispatch error");
    let info: serde_json::Value = ask(&client, "payment_queryInfo", rpc_params![to_bob(5)]).await;
    assert_eq!((info["class"].as_str(), info["partialFee"].as_str().is_some()), (Some("normal"), true), "{info}");
    let refused = client.request::<String>("system_dryRun", rpc_params!["0x04"]).await;
    assert!(refused.is_err(), "no extrinsic: {refused:?}");
    assert_eq!(net.head(), head);
}

#[tokio::test]
async fn the_wall_clock_never_stands_still() {
    let net = LocalNet::builder().self_check(true).start().await.expect("starts");
    net.produce(50).await.expect("as fast as can be");
    net.revert(10).await.expect("reverts");
    net.produce(10).await.expect("goes on");
}

#[tokio::test]
async fn every_historic_state_can_be_read() {
    let net = manual().await;
    let client = rpc(&net).await;
    net.produce(5).await.expect("produces");
    let key = format!(
        "0x{}",
        hex::encode([sp_crypto_hashing::twox_128(b"System"), sp_crypto_hashing::twox_128(b"Number")].concat())
    );
    for number in 1..=5u32 {
        let hash: String = ask(&client, "chain_getBlockHash", rpc_params![number]).await;
        let value: String = ask(&client, "state_getStorage", rpc_params![&key, hash]).await;
        assert_eq!(value, format!("0x{}", hex::encode(number.to_le_bytes())));
    }
}

#[tokio::test]
async fn nonces_move_past_the_pool() {
    let net = manual().await;
    let client = rpc(&net).await;
    let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    for nonce in 0..3u32 {
        assert_eq!(ask::<u32>(&client, "system_accountNextIndex", rpc_params![address]).await, nonce);
        assert_eq!(ask::<u32>(&client, "account_nextIndex", rpc_params![address]).await, nonce);
        let extrinsic = signed(&net, Alice, nonce, remark(1));
        ask::<String>(&client, "author_submitExtrinsic", rpc_params![format!("0x{}", hex::encode(extrinsic))]).await;
    }
    assert_eq!(ask::<Vec<String>>(&client, "author_pendingExtrinsics", rpc_params![]).await.len(), 3);
    net.produce(1).await.expect("produces");
    assert_eq!(net.chain().best().body.len(), 4, "the time and three remarks");
    assert_eq!(ask::<u32>(&client, "system_accountNextIndex", rpc_params![address]).await, 3);
}

#[tokio::test]
async fn a_later_nonce_waits_for_the_earlier_one() {
    let net = manual().await;
    let engine = net.engine().clone();
    let (second, first) = (signed(&net, Bob, 1, remark(1)), signed(&net, Bob, 0, remark(1)));
    engine.submit(second, None).expect("taken");
    net.produce(1).await.expect("produces");
    assert_eq!(net.chain().best().body.len(), 1);
    engine.submit(first, None).expect("taken");
    net.produce(1).await.expect("produces");
    assert_eq!(net.chain().best().body.len(), 3);
}

#[tokio::test]
async fn dev_methods_make_and_take_back_blocks() {
    let net = manual().await;
    let client = rpc(&net).await;
    assert_eq!(ask::<serde_json::Value>(&client, "dev_newBlock", rpc_params![]).await["number"], 1);
    assert_eq!(ask::<serde_json::Value>(&client, "dev_newBlock", rpc_params![500]).await["number"], 501);
    assert_eq!(ask::<serde_json::Value>(&client, "dev_revert", rpc_params![1]).await["number"], 500);
    assert_eq!(ask::<serde_json::Value>(&client, "dev_advanceTo", rpc_params![510]).await["number"], 510);
    client.request::<serde_json::Value>("dev_newBlock", rpc_params![u32::MAX]).await.expect_err("too many");
}

#[tokio::test]
async fn a_head_subscription_misses_nothing_in_a_burst() {
    let net = manual().await;
    let client = rpc(&net).await;
    let mut heads = client
        .subscribe("chain_subscribeNewHead", rpc_params![], "chain_unsubscribeNewHead")
        .await
        .expect("subscribes");
    assert_eq!(next(&mut heads).await["number"], "0x0");
    let produced = net.produce(1000);
    let read = async {
        for number in 1..=1000u32 {
            assert_eq!(next(&mut heads).await["number"], format!("{number:#x}"));
        }
    };
    let (produced, ()) = tokio::join!(produced, read);
    produced.expect("produces");
}

#[tokio::test]
async fn a_revert_stops_chain_head_followers() {
    let net = manual().await;
    net.produce(3).await.expect("produces");
    let client = rpc(&net).await;
    let mut follow =
        client.subscribe("chainHead_v1_follow", rpc_params![true], "chainHead_v1_unfollow").await.expect("follows");
    let initialized = next(&mut follow).await;
    assert_eq!(initialized["event"], "initialized");
    assert_eq!(initialized["finalizedBlockHashes"].as_array().map(Vec::len), Some(4));
    assert_eq!(initialized["finalizedBlockRuntime"]["spec"]["specName"], "node-subtensor");
    net.produce(1).await.expect("produces");
    for event in ["newBlock", "bestBlockChanged", "finalized"] {
        assert_eq!(next(&mut follow).await["event"], event);
    }
    net.revert(2).await.expect("reverts");
    assert_eq!(next(&mut follow).await["event"], "stop");
}

#[tokio::test]
async fn chain_head_pins_and_unpins() {
    let net = manual().await;
    let client = rpc(&net).await;
    let mut follow: RpcSubscription<serde_json::Value> =
        client.subscribe("chainHead_v1_follow", rpc_params![false], "chainHead_v1_unfollow").await.expect("follows");
    let hash = next(&mut follow).await["finalizedBlockHashes"][0].as_str().expect("hash").to_owned();
    let id = follow.subscription_id().expect("id").to_owned();
    let header: String = ask(&client, "chainHead_v1_header", rpc_params![&id, &hash]).await;
    assert!(header.starts_with("0x"));
    let refused =
        client.request::<serde_json::Value>("chainHead_v1_call", rpc_params![&id, &hash, "Core_version", "0x"]).await;
    assert!(format!("{refused:?}").contains("-32802"), "{refused:?}");
    let started: serde_json::Value = ask(&client, "chainHead_v1_body", rpc_params![&id, &hash]).await;
    assert_eq!(started["result"], "started");
    let done = next(&mut follow).await;
    assert_eq!((&done["event"], &done["operationId"]), (&"operationBodyDone".into(), &started["operationId"]));
    ask::<Option<()>>(&client, "chainHead_v1_unpin", rpc_params![&id, &hash]).await;
    let refused = client.request::<serde_json::Value>("chainHead_v1_header", rpc_params![&id, &hash]).await;
    assert!(format!("{refused:?}").contains("-32801"), "{refused:?}");
}

#[tokio::test]
async fn subxt_follows_across_a_revert() {
    let net = manual().await;
    net.produce(5).await.expect("produces");
    let client = Client::from_insecure_url(net.url()).await.expect("connects");
    let mut blocks = client.stream_blocks().await.expect("subscribes");
    // It begins with the last few finalized blocks.
    while blocks.next().await.expect("goes on").expect("no error").number() < 5 {}
    net.revert(3).await.expect("reverts");
    let head = net.produce(6).await.expect("produces");
    loop {
        match blocks.next().await.expect("goes on") {
            // The follower is told that it missed something, and goes on.
            Err(error) => assert!(error.to_string().contains("block header"), "{error}"),
            Ok(block) if block.number() < u64::from(head.number) => {}
            Ok(block) => break assert_eq!(block.hash(), head.hash),
        }
    }
}

#[tokio::test]
async fn plain_http_is_answered() {
    let net = manual().await;
    let address = net.url().replace("ws://", "");
    let mut stream = TcpStream::connect(&address).expect("connects");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"system_chain","params":[]}"#;
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("assay localnet"), "{answer}");
}

#[tokio::test]
async fn subscriptions_of_one_client_are_limited() {
    let net = manual().await;
    let client = rpc(&net).await;
    let mut held = Vec::new();
    let error = loop {
        let subscribed = client
            .subscribe::<serde_json::Value>("chain_subscribeNewHeads", rpc_params![], "chain_unsubscribeNewHeads")
            .await;
        match subscribed {
            Ok(subscription) => held.push(subscription),
            Err(error) => break error.to_string(),
        }
        assert!(held.len() <= 512, "no limit");
    };
    assert!(error.contains("Too many subscriptions"), "{error}");
    assert_eq!(ask::<String>(&client, "system_chain", rpc_params![]).await, "assay localnet");
}

#[tokio::test]
async fn the_method_list_is_complete() {
    let net = manual().await;
    let listed: serde_json::Value = ask(&rpc(&net).await, "rpc_methods", rpc_params![]).await;
    let listed: Vec<_> = listed["methods"].as_array().expect("list").iter().filter_map(|name| name.as_str()).collect();
    for name in [
        "rpc_methods",
        "chainHead_v1_continue",
        "archive_v1_stopStorage",
        "author_unwatchExtrinsic",
        "account_nextIndex",
    ] {
        assert!(listed.contains(&name), "{name}");
    }
}
