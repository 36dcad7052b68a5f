//! A node with the main network's metadata whose blocks are invented: it can lag, lie, fall silent and come back.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonrpsee::core::SubscriptionError;
use jsonrpsee::server::{PendingSubscriptionSink, Server, ServerHandle, SubscriptionMessage};
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{Extensions, RpcModule};
use parity_scale_codec::Encode as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

const FINNEY: &[u8] = include_bytes!("../../../../runtime-metadata/artifacts/finney-424-v16.scale");

/// What the node shows of its chain.
#[derive(Clone, Default)]
pub struct Chain {
    /// Hashes by number.
    pub hashes: Vec<[u8; 32]>,
    /// Block hashes are known up to this number only.
    pub known: Option<u64>,
    /// Nothing is answered.
    pub silent: bool,
    /// The metadata of another chain.
    pub metadata: Option<Vec<u8>>,
    /// How often the head was asked for.
    pub polls: usize,
}

#[derive(Clone)]
struct Node {
    chain: Arc<Mutex<Chain>>,
    heads: watch::Sender<Value>,
}

/// A running fake node.
pub struct Fake {
    node: Node,
    pub address: SocketAddr,
    server: Option<ServerHandle>,
}

impl Fake {
    /// A node whose chain has blocks up to `head`, on a free port.
    pub async fn start(head: u64) -> Self {
        let chain = Chain { hashes: (0..=head).map(|number| hash(number, 0)).collect(), ..Chain::default() };
        let node = Node { chain: Arc::new(Mutex::new(chain)), heads: watch::channel(Value::Null).0 };
        let mut fake = Self { node, address: ([127, 0, 0, 1], 0).into(), server: None };
        fake.restart().await;
        fake
    }

    pub fn endpoint(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Listens again on the port it had.
    pub async fn restart(&mut self) {
        let server = Server::builder().build(self.address).await.unwrap();
        self.address = server.local_addr().unwrap();
        self.server = Some(server.start(module(self.node.clone())));
    }

    /// Closes all connections and the port.
    pub async fn stop(&mut self) {
        let server = self.server.take().unwrap();
        server.stop().unwrap();
        server.stopped().await;
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Chain) -> T) -> T {
        change(&mut self.node.chain.lock())
    }

    /// Finalizes blocks at once; subscribers hear of the last only.
    pub fn finalize(&self, count: u64, fork: u8) {
        self.change(|chain| {
            let next = chain.hashes.len() as u64;
            chain.hashes.extend((next..next + count).map(|number| hash(number, fork)));
        });
        self.announce();
    }

    pub fn announce(&self) {
        let header = self.change(|chain| header(chain, chain.hashes.len() - 1));
        self.node.heads.send_replace(header);
    }
}

/// The hash of an invented block.
pub fn hash(number: u64, fork: u8) -> [u8; 32] {
    let mut hash = [fork; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn header(chain: &Chain, number: usize) -> Value {
    let parent = number.checked_sub(1).and_then(|parent| chain.hashes.get(parent)).copied().unwrap_or_default();
    let zero = hex(&[0; 32]);
    json!({
        "parentHash": hex(&parent), "number": format!("{number:#x}"), "stateRoot": zero, "extrinsicsRoot": zero,
        "digest": { "logs": [] },
    })
}

fn call(chain: &Chain, method: &str) -> Result<Value, ErrorObjectOwned> {
    let metadata = chain.metadata.as_deref().unwrap_or(FINNEY);
    let bytes = match method {
        "Core_version" => {
            let metadata = subxt::Metadata::decode_from(FINNEY).unwrap();
            metadata.pallet_by_name("System").unwrap().constant_by_name("Version").unwrap().value().to_vec()
        }
        "Metadata_metadata_versions" => vec![16u32].encode(),
        "Metadata_metadata_at_version" => Some(metadata.to_vec()).encode(),
        _ => return Err(ErrorObjectOwned::owned(4003, format!("no {method}"), None::<()>)),
    };
    Ok(Value::String(hex(&bytes)))
}

fn answer(chain: &mut Chain, method: &str, params: &[Value]) -> Result<Value, ErrorObjectOwned> {
    let text = |index: usize| params.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
    let found = match method {
        "chain_getBlockHash" => params[0]
            .as_u64()
            .filter(|number| chain.known.is_none_or(|known| *number <= known))
            .and_then(|number| chain.hashes.get(usize::try_from(number).ok()?))
            .map(|hash| Value::String(hex(hash))),
        "chain_getFinalizedHead" => {
            chain.polls += 1;
            chain.hashes.last().map(|hash| Value::String(hex(hash)))
        }
        "chain_getHeader" => {
            chain.hashes.iter().position(|hash| hex(hash) == text(0)).map(|number| header(chain, number))
        }
        _ => return call(chain, &text(0)),
    };
    Ok(found.unwrap_or(Value::Null))
}

fn module(node: Node) -> RpcModule<Node> {
    let mut module = RpcModule::new(node);
    for method in ["chain_getBlockHash", "chain_getFinalizedHead", "chain_getHeader", "state_call"] {
        let handler = move |params: Params<'static>, node: Arc<Node>, _: Extensions| async move {
            if node.chain.lock().silent {
                std::future::pending::<()>().await;
            }
            let params: Vec<Value> = params.parse().unwrap_or_default();
            answer(&mut node.chain.lock(), method, &params)
        };
        module.register_async_method(method, handler).unwrap();
    }
    let (sub, item, unsub) =
        ("chain_subscribeFinalizedHeads", "chain_finalizedHead", "chain_unsubscribeFinalizedHeads");
    module.register_subscription(sub, item, unsub, |_, pending, node, _| heads(pending, node)).unwrap();
    module
}

async fn heads(pending: PendingSubscriptionSink, node: Arc<Node>) -> Result<(), SubscriptionError> {
    let sink = pending.accept().await?;
    let mut heads = node.heads.subscribe();
    while heads.changed().await.is_ok() {
        let header = serde_json::value::to_raw_value(&*heads.borrow_and_update())?;
        sink.send(SubscriptionMessage::from(header)).await?;
    }
    Ok(())
}
