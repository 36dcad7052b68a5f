//! Accepts connections within limits, so that nobody can hold the axon's door.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;

/// From the start of a request, or from the end of the one before it, until its head is there.
const HEAD: Duration = Duration::from_secs(30);
/// After this age a connection takes no further request. With [`LAST`] it bounds what a reader that never reads can hold.
const AGE: Duration = Duration::from_secs(600);
/// How long the last request of an old connection may go on: longer than any window and its opening.
const LAST: Duration = Duration::from_secs(600);
/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(5);
/// Between two attempts when the system has no more file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Bytes of a request head and read buffer.
const HEAD_BYTES: usize = 16 * 1024;

/// Open connections by where they come from.
#[derive(Debug)]
pub struct Door {
    limit: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One open connection; gives its place back when dropped.
#[derive(Debug)]
struct Place {
    door: Arc<Door>,
    origin: IpAddr,
}

// === impl Door ===

impl Door {
    /// A door for `limit` connections, a quarter of them from one address.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default() }
    }

    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let origin = origin(address);
        let mut open = self.open.lock();
        let here = open.get(&origin).copied().unwrap_or(0);
        if open.values().sum::<usize>() >= self.limit || here >= self.limit.div_ceil(4) {
            return None;
        }
        open.insert(origin, here + 1);
        Some(Place { door: Arc::clone(self), origin })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.door.open.lock();
        match open.get_mut(&self.origin) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.origin);
            }
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 of its network.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

/// Serves until `stop`, then lets running requests end for a few seconds.
pub async fn serve(listener: TcpListener, router: Router, door: Door, metrics: Metrics, stop: CancellationToken) {
    let (door, connections) = (Arc::new(door), TaskTracker::new());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => match door.enter(peer.ip()) {
                Some(place) => {
                    let connection = connection(stream, router.clone(), stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                None => metrics.turned_away(),
            },
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::debug!(connections = connections.len(), "requests are cut off");
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // A root is worth only what its arrival time says: no frame waits for a full packet.
    let _best_effort = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let last = tokio::select! {
        _ended = connection.as_mut() => return,
        () = stop.cancelled() => GRACE,
        () = tokio::time::sleep(AGE) => LAST,
    };
    connection.as_mut().graceful_shutdown();
    let _cut_off = tokio::time::timeout(last, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_quarter_of_the_places_is_for_one_address() {
        let door = Arc::new(Door::new(8));
        let mut inside: Vec<_> = (0..2).map(|_| door.enter(address("192.0.2.1")).unwrap()).collect();
        assert!(door.enter(address("192.0.2.1")).is_none());
        assert!(door.enter(address("::ffff:192.0.2.1")).is_none(), "the same address, mapped");
        inside.pop();
        assert!(door.enter(address("192.0.2.1")).is_some());
    }

    #[test]
    fn one_ipv6_network_is_one_origin() {
        let door = Arc::new(Door::new(8));
        let _inside: Vec<_> = (0..2).map(|n| door.enter(address(&format!("2001:db8::{n}"))).unwrap()).collect();
        assert!(door.enter(address("2001:db8::ffff")).is_none());
        assert!(door.enter(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn all_places_together_are_bounded_and_come_back() {
        let door = Arc::new(Door::new(4));
        let inside: Vec<_> = (0..4).map(|n| door.enter(address(&format!("192.0.2.{n}"))).unwrap()).collect();
        assert!(door.enter(address("198.51.100.1")).is_none());
        drop(inside);
        assert!(door.open.lock().is_empty());
    }
}
