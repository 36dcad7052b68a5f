//! Another runtime in the middle of a run.

use localnet::{
    Clock, LocalNet, Seal,
    runtime::upgrade::{Form, Upgrade},
};
use serde_json::{Value as Json, json};
use sp_keyring::Sr25519Keyring::Alice;
use subxt::{
    dynamic::{self, Value},
    ext::scale_value::Composite,
    rpcs::{
        RpcClient,
        client::{RpcParams, RpcSubscription},
        rpc_params,
    },
};

use crate::{
    client::{Account, Client, instant, rpc},
    extrinsic::{remark, signed},
};

const fn to(spec_version: u32, form: Form) -> Upgrade {
    Upgrade { spec_version, transaction_version: 1, form }
}

async fn ask(client: &RpcClient, method: &str, params: RpcParams) -> Json {
    client.request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
}

async fn next(subscription: &mut RpcSubscription<Json>) -> Json {
    subscription.next().await.expect("goes on").expect("no error")
}

#[tokio::test]
async fn everybody_is_told_and_history_keeps_its_runtime() {
    let net = LocalNet::builder().seal(Seal::Manual).self_check(true).start().await.expect("starts");
    net.produce(2).await.expect("produces");
    let client = rpc(&net).await;
    let mut versions = client
        .subscribe("state_subscribeRuntimeVersion", rpc_params![], "state_unsubscribeRuntimeVersion")
        .await
        .expect("subscribes");
    assert_eq!(next(&mut versions).await["specVersion"], 425);
    let mut follow =
        client.subscribe("chainHead_v1_follow", rpc_params![true], "chainHead_v1_unfollow").await.expect("follows");
    assert_eq!(next(&mut follow).await["finalizedBlockRuntime"]["spec"]["specVersion"], 425);

    let order = json!({ "specVersion": 500, "transactionVersion": 2, "form": "moved-calls" });
    let moved = ask(&client, "dev_upgrade", rpc_params![order]).await;
    assert_eq!(moved["number"], 3);
    let told = next(&mut versions).await;
    assert_eq!((&told["specVersion"], &told["transactionVersion"]), (&500.into(), &2.into()));
    assert_eq!(next(&mut follow).await["newRuntime"]["spec"]["specVersion"], 500);
    net.produce(1).await.expect("produces");
    let block = loop {
        let event = next(&mut follow).await;
        if event["event"] == "newBlock" {
            break event;
        }
    };
    assert_eq!(block["newRuntime"], Json::Null, "only where it changes");

    let hash = ask(&client, "chain_getBlockHash", rpc_params![2]).await;
    assert_eq!(ask(&client, "state_getRuntimeVersion", rpc_params![hash]).await["specVersion"], 425);
    assert_eq!(ask(&client, "state_getRuntimeVersion", rpc_params![]).await["specVersion"], 500);
    net.revert(2).await.expect("reverts");
    assert_eq!(next(&mut versions).await["specVersion"], 425, "a revert takes the upgrade back");
}

#[tokio::test]
async fn an_upgrade_must_be_newer_and_one_of_the_list() {
    let net = instant().await;
    let client = rpc(&net).await;
    for order in [
        json!({ "specVersion": 425 }),
        json!({ "specVersion": 500, "form": "sideways" }),
        json!({ "specVersion": 500, "colour": 1 }),
        json!({}),
    ] {
        client.request::<Json>("dev_upgrade", rpc_params![&order]).await.expect_err("refused");
    }
    assert_eq!(net.head().number, 0, "no block was made");
    ask(&client, "dev_upgrade", rpc_params![json!({ "specVersion": 500 })]).await;
    let error = client.request::<Json>("dev_upgrade", rpc_params![json!({ "specVersion": 500 })]).await;
    assert!(error.expect_err("the same again").to_string().contains("give a higher one"));
}

#[tokio::test]
async fn signatures_cover_the_version_in_force() {
    let net = LocalNet::builder().seal(Seal::Manual).self_check(true).start().await.expect("starts");
    let engine = net.engine().clone();
    let old = signed(&net, Alice, 0, remark(1));
    net.upgrade(to(426, Form::Plain)).await.expect("upgrades");
    let refused = engine.submit(old, None).expect_err("signed for the runtime before");
    assert!(refused.to_string().contains("bad signature"), "{refused}");
    let new = signed(&net, Alice, 0, remark(1));
    engine.submit(new.clone(), None).expect("signed for this one");
    net.produce(1).await.expect("produces");
    assert!(net.chain().best().body.contains(&new));
}

#[tokio::test]
async fn what_waits_for_its_block_is_void_after_the_upgrade() {
    let net = LocalNet::builder().seal(Seal::Manual).start().await.expect("starts");
    net.upgrade(to(426, Form::Plain)).await.expect("upgrades");
    let (first, second) = (signed(&net, Alice, 0, remark(1)), signed(&net, Alice, 1, remark(1)));
    net.engine().submit(first.clone(), None).expect("taken");
    net.upgrade(to(427, Form::Plain)).await.expect("upgrades");
    let body = &net.chain().best().body;
    assert!(body.contains(&first), "the block of the upgrade still runs under the runtime before");
    net.engine().submit(second, None).expect_err("and the next does not");
}

#[tokio::test]
async fn calls_are_taken_in_the_form_that_is_shown() {
    let net = instant().await;
    for (spec_version, form) in (426..).zip([Form::MovedCalls, Form::NetuidNewtype, Form::NewArgument]) {
        net.upgrade(to(spec_version, form)).await.expect("upgrades");
        let client = Client::from_insecure_url(net.url()).await.expect("connects");
        let hotkey = Composite::named([("hotkey", Value::from_bytes([7; 32]))]);
        let register = dynamic::transaction("SubtensorModule", "register_network", hotkey).into_value();
        let batch = dynamic::transaction("Utility", "batch_all", vec![Value::unnamed_composite([register])]);
        let mut transactions = client.tx().await.expect("head");
        let sent = transactions.sign_and_submit_then_watch_default(&batch, &Account(Alice)).await.expect("taken");
        sent.wait_for_finalized_success().await.unwrap_or_else(|error| panic!("{form:?}: {error}"));
    }
}

#[tokio::test]
async fn a_restart_replays_the_upgrade() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = || {
        let clock = Clock::Fixed { genesis_ms: 1_700_000_000_000, step_ms: 12_000 };
        let builder = LocalNet::builder().seal(Seal::Manual).clock(clock);
        builder.base_path(Some(folder.path().to_owned())).start()
    };
    let net = node().await.expect("starts");
    net.produce(3).await.expect("produces");
    net.upgrade(to(426, Form::MovedCalls)).await.expect("upgrades");
    net.engine().submit(signed(&net, Alice, 0, remark(1)), None).expect("taken");
    let head = net.produce(2).await.expect("produces");
    net.shutdown().await;

    let net = node().await.expect("starts again");
    assert_eq!(net.head(), head);
    let client = rpc(&net).await;
    assert_eq!(ask(&client, "state_getRuntimeVersion", rpc_params![]).await["specVersion"], 426);
}
