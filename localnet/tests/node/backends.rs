//! All three of subxt's backends do everything that a neuron does.

use localnet::{LocalNet, state::Page};
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use subxt::{
    backend::{ChainHeadBackend, LegacyBackend},
    dynamic::{self, Value},
    ext::scale_decode::DecodeAsType,
};

use crate::client::{Account, Client, instant, rpc};

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "::subxt::ext::scale_decode")]
struct AccountInfo {
    nonce: u32,
    data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "::subxt::ext::scale_decode")]
struct AccountData {
    free: u64,
}

#[tokio::test]
async fn combined_backend() {
    let net = instant().await;
    let client = Client::from_insecure_url(net.url()).await.expect("connects");
    everything(&client, &net).await;
}

#[tokio::test]
async fn chain_head_backend() {
    let net = instant().await;
    let backend = ChainHeadBackend::builder().build_with_background_driver(rpc(&net).await);
    let client = Client::from_backend(backend.into()).await.expect("connects");
    everything(&client, &net).await;
}

#[tokio::test]
async fn legacy_backend() {
    let net = instant().await;
    let backend = LegacyBackend::builder().build(rpc(&net).await);
    let client = Client::from_backend(backend.into()).await.expect("connects");
    everything(&client, &net).await;
}

async fn everything(client: &Client, net: &LocalNet) {
    let mut blocks = client.stream_blocks().await.expect("subscribes");
    let events = transfer(client).await;
    assert!(events.contains(&"Balances::Transfer".to_owned()), "{events:?}");
    assert!(events.contains(&"System::ExtrinsicSuccess".to_owned()), "{events:?}");
    reads(client, net).await;
    failing_call_names_its_error(client).await;
    // The stream has told of every block up to the head, in order.
    let mut last = None;
    while last != Some(u64::from(net.head().number)) {
        let block = blocks.next().await.expect("goes on").expect("no error");
        assert!(last.is_none_or(|last| block.number() == last + 1), "gap after {last:?}");
        last = Some(block.number());
    }
}

async fn transfer(client: &Client) -> Vec<String> {
    let to = Value::unnamed_variant("Id", [Value::from_bytes(Account(Bob).id())]);
    let call = dynamic::transaction("Balances", "transfer_keep_alive", vec![to, Value::u128(12_000)]);
    let mut transactions = client.tx().await.expect("head");
    let progress = transactions.sign_and_submit_then_watch_default(&call, &Account(Alice)).await.expect("submits");
    let events = progress.wait_for_finalized_success().await.expect("succeeds");
    events
        .iter()
        .map(|event| event.expect("decodes"))
        .map(|event| format!("{}::{}", event.pallet_name(), event.event_name()))
        .collect()
}

async fn reads(client: &Client, net: &LocalNet) {
    let at = client.at_current_block().await.expect("head");
    let accounts = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let alice = at.storage().fetch(accounts, (Account(Alice).id(),)).await.expect("read").decode().expect("decodes");
    assert_eq!(alice.nonce, 1);
    let accounts = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let bob = at.storage().fetch(accounts, (Account(Bob).id(),)).await.expect("read");
    assert_eq!(bob.decode().expect("decodes").data.free, 1_000_000_000_012_000);

    let accounts = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let mut all = at.storage().iter(accounts, ()).await.expect("iterates");
    let prefix = [sp_crypto_hashing::twox_128(b"System"), sp_crypto_hashing::twox_128(b"Account")].concat();
    let page = Page { prefix: &prefix, after: None, count: 100 };
    let expected = net.chain().state(&net.chain().best()).keys(None, page).expect("read").len();
    assert!(expected >= 8, "the well-known accounts");
    let mut count = 0;
    while let Some(account) = all.next().await {
        assert!(account.expect("no error").value().decode().expect("decodes").data.free > 0);
        count += 1;
    }
    assert_eq!(count, expected);

    let nonce = dynamic::runtime_api_call::<_, u32>("AccountNonceApi", "account_nonce", (Account(Alice).id(),));
    assert_eq!(at.runtime_apis().call(nonce).await.expect("answers"), 1);
}

async fn failing_call_names_its_error(client: &Client) {
    let to = Value::unnamed_variant("Id", [Value::from_bytes(Account(Bob).id())]);
    let call = dynamic::transaction("Balances", "transfer_keep_alive", vec![to, Value::u128(u128::from(u64::MAX))]);
    let mut transactions = client.tx().await.expect("head");
    let progress = transactions.sign_and_submit_then_watch_default(&call, &Account(Alice)).await.expect("submits");
    let error = progress.wait_for_finalized_success().await.expect_err("fails").to_string();
    assert!(error.contains("Arithmetic error: Underflow"), "{error}");
}
