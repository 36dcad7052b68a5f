//! A TCP proxy that a test can cut, stall, slow down or close, in front of a node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How the proxy treats what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it comes.
    Open,
    /// Nothing passes, while connections stay open and new ones are accepted.
    Stalled,
    /// Every piece waits this long.
    Slow(Duration),
    /// Connections are refused.
    Closed,
}

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    target: Arc<Mutex<SocketAddr>>,
    lives: Arc<Mutex<CancellationToken>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Listens on a free port of the loopback in front of `target`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, _) = watch::channel(Mode::Open);
        let target = Arc::new(Mutex::new(target));
        let lives = Arc::new(Mutex::new(CancellationToken::new()));
        let accepting = accept(listener, mode.clone(), Arc::clone(&target), Arc::clone(&lives));
        let accepting = AbortOnDropHandle::new(tokio::spawn(accepting));
        Ok(Self { address, mode, target, lives, _accepting: accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Treats what passes from now on like this. Closing cuts what is open.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
        if mode == Mode::Closed {
            self.cut();
        }
    }

    /// Cuts every connection; new ones are accepted.
    pub fn cut(&self) {
        std::mem::replace(&mut *self.lives.lock(), CancellationToken::new()).cancel();
    }

    /// Leads new connections elsewhere.
    pub fn lead(&self, target: SocketAddr) {
        *self.target.lock() = target;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn accept(
    listener: TcpListener,
    mode: watch::Sender<Mode>,
    target: Arc<Mutex<SocketAddr>>,
    lives: Arc<Mutex<CancellationToken>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        // A connection that is dropped at once is as good as one that is refused.
        if *mode.borrow() == Mode::Closed {
            continue;
        }
        let (target, mode, life) = (*target.lock(), mode.subscribe(), lives.lock().clone());
        tokio::spawn(async move { life.run_until_cancelled_owned(carry(client, target, mode)).await });
    }
}

/// Carries one connection until either side ends it.
async fn carry(client: TcpStream, target: SocketAddr, mode: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pass(from_client, to_server, mode.clone()) => {}
        () = pass(from_server, to_client, mode) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if mode.wait_for(|mode| *mode != Mode::Stalled).await.is_err() {
            return;
        }
        let slow = match *mode.borrow() {
            Mode::Slow(wait) => Some(wait),
            Mode::Open | Mode::Stalled | Mode::Closed => None,
        };
        if let Some(wait) = slow {
            tokio::time::sleep(wait).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
