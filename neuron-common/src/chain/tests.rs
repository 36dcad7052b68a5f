use tokio::net::TcpListener;

use super::*;

fn config(endpoint: String) -> ChainConfig {
    ChainConfig::at(endpoint)
}

fn hasty() -> Timing {
    Timing { request: Duration::from_millis(300), patience: Duration::from_secs(1), ..Timing::default() }
}

/// The error and how long it took.
async fn refused(endpoint: String) -> (ChainError, Duration) {
    let start = Instant::now();
    let error = ChainClient::connect_with(&config(endpoint), Role::Validator, hasty()).await.err().unwrap();
    (error, start.elapsed())
}

async fn unused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn nobody_there_is_said_at_once_with_a_remedy() {
    let address = unused().await;
    let (error, took) = refused(format!("ws://{address}")).await;
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("no chain at ws://{address}: ")) && text.contains("check `chain.endpoints`"),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
    assert!(took < Duration::from_secs(5));
}

#[tokio::test]
async fn an_encrypted_endpoint_that_is_not_there_is_an_error_and_no_panic() {
    let (error, _) = refused(format!("wss://{}", unused().await)).await;
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_no_address_is_an_error() {
    for endpoint in ["", "localhost", "http://127.0.0.1:1", "ws://"] {
        let (error, _) = refused(endpoint.to_owned()).await;
        assert!(matches!(error, ChainError::Unreachable { .. }), "{endpoint}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_does_not_hold_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silent = tokio::spawn(async move {
        let _held_open = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    });
    let (error, took) = refused(format!("ws://{address}")).await;
    assert!(matches!(error, ChainError::Unreachable { .. }), "{error:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    silent.abort();
}

/// Never run: neurons spawn these futures on many threads.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn futures_can_move_between_threads(chain: &'static ChainClient, key: &'static crate::keystore::Keypair) {
    fn sent(_: impl Future + Send) {}
    let weights = &incentive::weights::WeightVector::default();
    let netuid = incentive::units::NetUid(1);
    let policy = &incentive::policy::Policy::dev();
    sent(async move { chain.blocks().next().await });
    sent(async move { crate::window::WindowClock::new(chain.clone(), netuid, policy).next().await });
    sent(chain.snapshot(netuid, None));
    sent(chain.announce(key, netuid, std::net::SocketAddr::from(([1, 2, 3, 4], 5))));
    sent(async move {
        let subnet = chain.snapshot(netuid, None).await?;
        chain.submit(&chain.sign_weights(key, &subnet, weights, 0).await?.extrinsic).await
    });
    sent(chain.sudo(key, "System", "remark", Vec::new()));
}

mod endpoints;
mod fake;
mod following;
