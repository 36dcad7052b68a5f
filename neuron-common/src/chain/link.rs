//! One connection to a node, and how it comes back when it is lost.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use subxt::backend::LegacyBackend;
use subxt::config::RpcConfigFor;
use subxt::{OnlineClient, SubstrateConfig};
use subxt_rpcs::client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClient, RpcClientT};
use subxt_rpcs::{Error as RpcError, LegacyRpcMethods};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::ChainError;

/// The plain JSON-RPC methods of a node.
pub type Rpc = LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>;

/// A live connection. Once lost it stays lost: the client opens another.
pub struct Link {
    /// Typed access at a block; it follows the runtime's metadata by itself.
    pub online: OnlineClient<SubstrateConfig>,
    /// Untyped access.
    pub rpc: Rpc,
    lost: CancellationToken,
}

impl Link {
    /// Connects. The endpoint is tried once.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] if nobody answers, or not like a Substrate node.
    pub async fn open(endpoint: &str, request_timeout: Duration) -> Result<Self, ChainError> {
        let unreachable = |reason| ChainError::Unreachable { endpoint: origin(endpoint), reason };
        let dialled = timeout(request_timeout, RpcClient::from_insecure_url(endpoint)).await;
        let client = match dialled {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(unreachable(plain(&error))),
            Err(_) => return Err(unreachable(format!("no connection within {request_timeout:?}"))),
        };
        let lost = CancellationToken::new();
        let guarded = RpcClient::new(Guarded { client, timeout: request_timeout, lost: lost.clone() });
        let backend = Arc::new(LegacyBackend::builder().build(guarded.clone()));
        let online = OnlineClient::from_backend_with_config(SubstrateConfig::new(), backend)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Self { online, rpc: LegacyRpcMethods::new(guarded), lost })
    }

    /// Whether the connection failed: an error of a call then says nothing about the call.
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// Gives the connection up, for instance because a subscription on it ended. Whoever waits for an answer on it is told.
    pub fn give_up(&self) {
        self.lost.cancel();
    }

    /// The hash of the genesis block.
    pub fn genesis(&self) -> [u8; 32] {
        self.online.genesis_hash().0
    }
}

/// The endpoint without what may be secret: providers put access keys into the path, the query or the user name.
pub fn origin(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

/// The innermost reason, without the layers' prefixes.
fn plain(error: &RpcError) -> String {
    let text = error.to_string();
    text.rsplit("error: ").next().unwrap_or(&text).to_owned()
}

/// A transport that notices its own end: subxt's typed errors bury whether the node refused or the line broke.
struct Guarded {
    client: RpcClient,
    timeout: Duration,
    lost: CancellationToken,
}

impl Guarded {
    async fn guard<T>(
        &self,
        method: &str,
        answer: impl Future<Output = Result<T, RpcError>> + Send,
    ) -> Result<T, RpcError> {
        let late = |_| Err(RpcError::Client(format!("{method}: no answer within {:?}", self.timeout).into()));
        let answer = tokio::select! {
            answer = timeout(self.timeout, answer) => answer.unwrap_or_else(late),
            () = self.lost.cancelled() => Err(RpcError::Client(format!("{method}: the connection was given up").into())),
        };
        if matches!(answer, Err(RpcError::Client(_) | RpcError::DisconnectedWillReconnect(_))) {
            self.lost.cancel();
        }
        answer
    }
}

impl RpcClientT for Guarded {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(self.guard(method, self.client.request_raw(method, params)))
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async move {
            let inner = self.guard(sub, self.client.subscribe_raw(sub, params, unsub)).await?;
            let lost = self.lost.clone();
            let stream = inner.stream.inspect(move |item| {
                if item.is_err() {
                    lost.cancel();
                }
            });
            Ok(RawRpcSubscription { stream: stream.boxed(), id: inner.id })
        })
    }
}

/// Waiting times between attempts: doubled each time up to a ceiling, and spread so that neurons do not come back as one.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LAST: Duration = Duration::from_secs(10);

    /// Starts at a tenth of a second.
    pub const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// Waits.
    pub async fn wait(&mut self) {
        let step = self.0;
        self.0 = (step * 2).min(Self::LAST);
        let mut random = [0; 1];
        // Without randomness the wait is merely not spread.
        let _ = getrandom::fill(&mut random);
        let spread = step.mul_f64(0.5 + f64::from(random[0]) / 512.0);
        tokio::time::sleep(spread).await;
    }
}

/// `future`, unless the deadline comes first.
pub async fn until<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, future).await.ok()
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn keys_in_an_endpoint_are_not_shown() {
        for endpoint in
            ["wss://node.example:443/secret", "wss://node.example:443?key=secret", "wss://a:secret@node.example:443"]
        {
            assert_eq!(origin(endpoint), "wss://node.example:443");
        }
        assert_eq!(origin("ws://127.0.0.1:9944"), "ws://127.0.0.1:9944");
        assert_eq!(origin("localhost"), "localhost");
        assert_eq!(origin(""), "");
    }
}
