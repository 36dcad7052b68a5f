//! JSON-RPC on WebSocket and HTTP, as Substrate clients expect it.
//!
//! - `chain`, `state`, `author`, `system`, `payment`: the legacy methods
//! - `chain_head`, `archive`, `transaction`: the methods of the JSON-RPC interface specification, version 1
//! - `dev`: what only a chain in a box can do
//!
//! Whatever runs the runtime does so on a blocking thread, which has the stack for it.

use std::{io, net::TcpListener};

use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder},
    server::{BatchRequestConfig, RandomStringIdProvider, ServerBuilder, ServerConfig, ServerHandle},
    types::{ErrorObjectOwned, Params},
};
use serde::Serialize;

use crate::engine::{Chain, Engine};
use requests::{Counted, Requests};

mod archive;
mod author;
mod chain;
mod chain_head;
mod dev;
mod error;
mod heads;
mod hex;
mod payment;
pub mod requests;
mod state;
mod storage;
mod system;
mod transaction;

/// The largest request in bytes: an extrinsic of the largest size as hexadecimal digits, and some room.
const MAX_REQUEST_BYTES: u32 = 4 << 20;
/// The largest answer in bytes.
const MAX_RESPONSE_BYTES: u32 = 32 << 20;
/// Clients at a time.
const MAX_CONNECTIONS: u32 = 256;
/// Subscriptions of one client. Every storage query of `archive_v1` is one while it runs.
const MAX_SUBSCRIPTIONS: u32 = 512;
/// Requests in one batch.
const MAX_BATCH: u32 = 1000;
/// Messages that wait for one client before whoever sends more must wait too.
const MESSAGE_BUFFER: u32 = 256;

/// What every method can reach.
pub struct Context {
    engine: Engine,
    follows: chain_head::Follows,
    requests: Requests,
}

impl Context {
    fn chain(&self) -> &Chain {
        self.engine.chain()
    }
}

type Module = RpcModule<Context>;
type Registered = Result<(), RegisterMethodError>;
type Answer<T> = Result<T, ErrorObjectOwned>;

/// Serves `engine` on `listener` until the handle is stopped, counting what is asked. Must run on a runtime whose threads have
/// [`crate::state::StackGuard::BYTES`] of stack.
///
/// # Errors
/// When the socket cannot be served.
pub fn serve(listener: TcpListener, engine: Engine, requests: Requests) -> io::Result<ServerHandle> {
    let counts = requests.clone();
    let middleware = RpcServiceBuilder::new().layer_fn(move |service| Counted::new(service, counts.clone()));
    let module = module(engine, requests).map_err(io::Error::other)?;
    let config = ServerConfig::builder()
        .max_request_body_size(MAX_REQUEST_BYTES)
        .max_response_body_size(MAX_RESPONSE_BYTES)
        .max_connections(MAX_CONNECTIONS)
        .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .set_message_buffer_capacity(MESSAGE_BUFFER)
        .set_id_provider(RandomStringIdProvider::new(16))
        .build();
    listener.set_nonblocking(true)?;
    let builder = ServerBuilder::with_config(config).set_rpc_middleware(middleware);
    Ok(builder.build_from_tcp(listener)?.start(module))
}

fn module(engine: Engine, requests: Requests) -> Result<Module, RegisterMethodError> {
    let mut module = RpcModule::new(Context { engine, follows: chain_head::Follows::default(), requests });
    chain::register(&mut module)?;
    state::register(&mut module)?;
    author::register(&mut module)?;
    system::register(&mut module)?;
    payment::register(&mut module)?;
    chain_head::register(&mut module)?;
    archive::register(&mut module)?;
    transaction::register(&mut module)?;
    dev::register(&mut module)?;
    // Clients choose by this list which methods they use; it must be complete, itself included.
    let mut methods: Vec<_> = module.method_names().chain(["rpc_methods"]).collect();
    methods.sort_unstable();
    module.register_method("rpc_methods", move |_, _, _| serde_json::json!({ "methods": methods }))?;
    Ok(module)
}

/// A method that only looks up what is in memory.
fn quick<T: Serialize + Clone + 'static>(
    module: &mut Module,
    name: &'static str,
    run: fn(&Context, &Params<'_>) -> Answer<T>,
) -> Registered {
    module.register_method(name, move |params, context, _| run(context, &params)).map(drop)
}

/// A method that runs the runtime or walks the trie.
fn blocking<T: Serialize + Clone + Send + 'static>(
    module: &mut Module,
    name: &'static str,
    run: fn(&Context, &Params<'_>) -> Answer<T>,
) -> Registered {
    module.register_blocking_method(name, move |params, context, _| run(&context, &params)).map(drop)
}

fn alias(module: &mut Module, aliases: &[(&'static str, &'static str)]) -> Registered {
    aliases.iter().try_for_each(|(alias, name)| module.register_alias(alias, name))
}
