//! A node: an engine and its RPC server, with threads of their own.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
};

use jsonrpsee::server::ServerHandle;
use tokio::runtime::Runtime;

use crate::{
    engine::{Chain, Clock, Engine, EngineConfig, EngineError, Head, Seal},
    pool::Limits,
    preset::Preset,
    rpc::{self, requests::Requests},
    runtime::upgrade::Upgrade,
    state::StackGuard,
};

/// Threads that serve sockets.
const ASYNC_THREADS: usize = 2;
/// Threads that run the runtime for clients.
const BLOCKING_THREADS: usize = 16;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another program listens there.
    #[error("port {port} is in use; stop the program that listens there or give another --port (0 picks a free one)")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The socket cannot be opened for another reason.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; give another --port")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The threads cannot be started, or the server not on them.
    #[error("cannot start the RPC server: {0}")]
    Threads(io::Error),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What a node is made of; [`LocalNet::builder`] begins one.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    engine: EngineConfig,
    port: u16,
}

/// A running node. Dropping it stops it; [`LocalNet::shutdown`] also waits until everything is on the disk.
pub struct LocalNet {
    engine: Engine,
    address: SocketAddr,
    server: ServerHandle,
    requests: Requests,
    _threads: Threads,
}

/// A runtime that may be dropped anywhere, also inside another one.
struct Threads(Option<Runtime>);

impl Threads {
    fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(ASYNC_THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_stack_size(StackGuard::BYTES)
            .thread_name("localnet-rpc")
            .enable_all()
            .build()
            .map(|runtime| Self(Some(runtime)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        let engine = EngineConfig {
            preset: Preset::dev(),
            seal: Seal::Manual,
            clock: Clock::Wall,
            block_ms: 250,
            base_path: None,
            reset: false,
            limits: Limits::default(),
            self_check: false,
        };
        Self { engine, port: 0 }
    }
}

impl Builder {
    /// The genesis; [`Preset::dev`] unless given.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.engine.preset = preset;
        self
    }

    /// When blocks are made; only on request unless given. An interval is also told to clients as the block time.
    pub fn seal(mut self, seal: Seal) -> Self {
        self.engine.seal = seal;
        if let Seal::Interval(ms) = seal {
            self.engine.block_ms = ms;
        }
        self
    }

    /// What time blocks carry; the wall clock's unless given. A fixed step is also told to clients as the block time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.engine.clock = clock;
        if let Clock::Fixed { step_ms, .. } = clock {
            self.engine.block_ms = step_ms;
        }
        self
    }

    /// Milliseconds per block as clients are told (`Aura.SlotDuration`).
    pub fn block_ms(mut self, block_ms: u64) -> Self {
        self.engine.block_ms = block_ms;
        self
    }

    /// Where the journal lives; nothing is kept without.
    pub fn base_path(mut self, base_path: Option<PathBuf>) -> Self {
        self.engine.base_path = base_path;
        self
    }

    /// Whether to throw an old journal away.
    pub fn reset(mut self, reset: bool) -> Self {
        self.engine.reset = reset;
        self
    }

    /// What the pool may hold.
    pub fn pool_limits(mut self, limits: Limits) -> Self {
        self.engine.limits = limits;
        self
    }

    /// Whether every block is executed a second time, as another node would. For tests of the runtime.
    pub fn self_check(mut self, self_check: bool) -> Self {
        self.engine.self_check = self_check;
        self
    }

    /// The port on 127.0.0.1; a free one unless given.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the node; done when it answers.
    ///
    /// # Errors
    /// When the port is taken, the journal cannot be used or the genesis is refused.
    pub async fn start(self) -> Result<LocalNet, NodeError> {
        // The port first: a long replay before "port in use" would be a waste.
        let listener = listen(self.port)?;
        let address = listener.local_addr().map_err(NodeError::Threads)?;
        let threads = Threads::new().map_err(NodeError::Threads)?;
        let engine = Engine::start(self.engine).await?;
        let requests = Requests::default();
        let server = {
            let _context = threads.0.as_ref().map(Runtime::enter);
            rpc::serve(listener, engine.clone(), requests.clone()).map_err(NodeError::Threads)?
        };
        Ok(LocalNet { engine, address, server, requests, _threads: threads })
    }
}

fn listen(port: u16) -> Result<TcpListener, NodeError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => NodeError::PortInUse { port },
        _ => NodeError::Listen { port, source },
    })
}

impl LocalNet {
    /// A node with development defaults: manual sealing, a free port, nothing kept on disk.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect. The same address answers HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The blocks and states.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.engine.chain()
    }

    /// The engine, for those who submit without RPC.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What clients have asked for so far.
    #[must_use]
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The newest block.
    #[must_use]
    pub fn head(&self) -> Head {
        self.engine.chain().best().head()
    }

    /// Makes `count` blocks, whatever the sealing.
    ///
    /// # Errors
    /// When a block cannot be made or written down.
    pub async fn produce(&self, count: u32) -> Result<Head, EngineError> {
        self.engine.produce(count).await
    }

    /// Makes blocks until the head is at `block`.
    ///
    /// # Errors
    /// When a block cannot be made or written down.
    pub async fn advance_to(&self, block: u32) -> Result<Head, EngineError> {
        self.engine.advance_to(block).await
    }

    /// Takes the last `count` blocks back.
    ///
    /// # Errors
    /// When there are not so many.
    pub async fn revert(&self, count: u32) -> Result<Head, EngineError> {
        self.engine.revert(count).await
    }

    /// Keeps the pulses of the chain's own beacon back, or lets them through again together with those that were
    /// missed.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn withhold_pulses(&self, pulses: bool) -> Result<Head, EngineError> {
        self.engine.withhold_pulses(pulses).await
    }

    /// Makes a block that ends with another runtime: see [`Upgrade`].
    ///
    /// # Errors
    /// When the version does not rise, or the block cannot be made or written down.
    pub async fn upgrade(&self, upgrade: Upgrade) -> Result<Head, EngineError> {
        self.engine.upgrade(upgrade).await
    }

    /// Stops serving, finishes the block at hand and waits until the journal is on the disk.
    pub async fn shutdown(self) {
        self.server.stop().ok();
        self.engine.stop().await;
    }
}

impl Drop for LocalNet {
    fn drop(&mut self) {
        self.server.stop().ok();
        self.engine.stop_soon();
    }
}
