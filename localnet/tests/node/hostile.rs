//! Nothing that a client sends ends the node.

use localnet::{LocalNet, Seal, runtime::filter::MAX_NESTING};
use sp_keyring::Sr25519Keyring::Alice;
use subxt::rpcs::{RpcClient, rpc_params};

use crate::{
    client::{instant, rpc},
    extrinsic::{bottomless, nested, remark, signed},
};

async fn submit(client: &RpcClient, extrinsic: &[u8]) -> Result<String, String> {
    let params = rpc_params![format!("0x{}", hex::encode(extrinsic))];
    client.request("author_submitExtrinsic", params).await.map_err(|error| format!("{error:?}"))
}

async fn call(client: &RpcClient, method: &str, data: &[u8]) -> Result<String, String> {
    let params = rpc_params![method, format!("0x{}", hex::encode(data))];
    client.request("state_call", params).await.map_err(|error| format!("{error:?}"))
}

/// A fresh connection, since a refusal may close the old one.
async fn alive(net: &LocalNet) {
    let head: serde_json::Value = rpc(net).await.request("chain_getHeader", rpc_params![]).await.expect("answers");
    assert!(head["number"].is_string());
}

#[tokio::test]
async fn calls_nest_as_deep_as_the_runtime_allows() {
    let net = instant().await;
    let client = rpc(&net).await;
    let allowed = usize::try_from(MAX_NESTING).expect("small") - 1;
    let extrinsic = signed(&net, Alice, 0, nested(allowed));
    submit(&client, &extrinsic).await.expect("taken");
    let mut heads = net.chain().heads();
    heads.wait_for(|head| head.number == 1).await.expect("sealed");
    assert!(net.chain().best().body.contains(&extrinsic));
    // Deeper ones are decoded, looked at and refused; on the usual 2 MiB stack that ends the process.
    let error = submit(&client, &signed(&net, Alice, 1, nested(250))).await.expect_err("refused");
    assert!(error.contains("1010"), "{error}");
    alive(&net).await;
}

#[tokio::test]
async fn calls_nested_deeper_are_refused_everywhere() {
    let net = instant().await;
    let client = rpc(&net).await;
    let error = submit(&client, &signed(&net, Alice, 0, nested(300))).await.expect_err("refused");
    assert!(error.contains("1001"), "{error}");
    let extrinsic = bottomless(300_000);
    submit(&client, &extrinsic).await.expect_err("refused");
    let call_data = &extrinsic[5..];
    let with_hash = [&[2], extrinsic.as_slice(), &[0; 32]].concat();
    let with_length = [extrinsic.as_slice(), &[0; 4]].concat();
    let call_with_length = [call_data, &[0; 4]].concat();
    for (method, data) in [
        ("TaggedTransactionQueue_validate_transaction", &with_hash),
        ("BlockBuilder_apply_extrinsic", &extrinsic),
        ("TransactionPaymentApi_query_info", &with_length),
        ("TransactionPaymentApi_query_fee_details", &with_length),
        ("TransactionPaymentCallApi_query_call_info", &call_with_length),
        ("TransactionPaymentCallApi_query_call_fee_details", &call_with_length),
        ("Core_execute_block", &extrinsic),
        ("BlockBuilder_check_inherents", &extrinsic),
    ] {
        call(&client, method, data).await.expect_err(method);
    }
    alive(&net).await;
}

#[tokio::test]
async fn an_extrinsic_of_two_megabytes_is_refused() {
    let net = instant().await;
    let client = rpc(&net).await;
    let error = submit(&client, &signed(&net, Alice, 0, remark((1 << 20) + 1))).await.expect_err("refused");
    assert!(error.contains("too many"), "{error}");
    submit(&client, &signed(&net, Alice, 0, remark(1 << 19))).await.expect("half a megabyte is fine");
    let huge = vec![0; 16 << 20];
    submit(&client, &huge).await.expect_err("more than a request may have");
    alive(&net).await;
}

#[tokio::test]
async fn a_false_length_prefix_allocates_nothing() {
    let net = instant().await;
    let client = rpc(&net).await;
    // Compact for 2^30 bytes, of which two follow.
    for prefix in [[0x02, 0, 0, 0xff], [0x03, 0xff, 0xff, 0xff]] {
        let extrinsic = [prefix.as_slice(), &[4, 0]].concat();
        let error = submit(&client, &extrinsic).await.expect_err("refused");
        assert!(error.contains("1001"), "{error}");
    }
    submit(&client, &[]).await.expect_err("nothing is no extrinsic");
    alive(&net).await;
}

#[tokio::test]
async fn nonsense_to_the_runtime_is_an_error() {
    let net = instant().await;
    let client = rpc(&net).await;
    let error = call(&client, "Core_version", &[1, 2, 3]).await.expect_err("refused");
    assert!(error.contains("Runtime panicked"), "{error}");
    let error = call(&client, "Metadata_from_the_future", &[]).await.expect_err("refused");
    assert!(error.contains("Exported method Metadata_from_the_future is not found"), "{error}");
    call(&client, "AccountNonceApi_account_nonce", &[1]).await.expect_err("refused");
    alive(&net).await;
}

#[tokio::test]
async fn refusals_carry_the_codes_that_clients_know() {
    let net = LocalNet::builder().seal(Seal::Manual).self_check(true).start().await.expect("starts");
    let client = rpc(&net).await;
    let extrinsic = signed(&net, Alice, 0, remark(1));
    submit(&client, &extrinsic).await.expect("taken");
    assert!(submit(&client, &extrinsic).await.expect_err("duplicate").contains("1013"));
    assert!(submit(&client, &signed(&net, Alice, 0, remark(2))).await.expect_err("same nonce").contains("1014"));
    net.produce(1).await.expect("produces");
    let error = submit(&client, &extrinsic).await.expect_err("used");
    assert!(error.contains("1010") && error.contains("outdated"), "{error}");
    let mut forged = signed(&net, Alice, 1, remark(1));
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let error = submit(&client, &forged).await.expect_err("forged");
    assert!(error.contains("bad signature"), "{error}");
}

#[tokio::test]
async fn connections_are_limited_and_recover() {
    let net = instant().await;
    let mut clients = Vec::new();
    let refused = loop {
        match RpcClient::from_insecure_url(net.url()).await {
            Ok(client) => clients.push(client),
            Err(_) => break true,
        }
        if clients.len() > 300 {
            break false;
        }
    };
    assert!(refused, "256 at most");
    drop(clients);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while RpcClient::from_insecure_url(net.url()).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "never recovers");
        tokio::task::yield_now().await;
    }
}
