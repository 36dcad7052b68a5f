//! The nodes that a chain is reached through: one is used, the others stand by with open connections.
//!
//! Every endpoint is looked at all the time, the one in use on the very connection that is used: one that stays open and says
//! nothing is noticed within seconds. What is better is decided by [`Choice`].

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use incentive::units::Block;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::choice::{Choice, Seen};
use super::config::{ChainConfig, Endpoint};
use super::link::{Backoff, Link};
use super::{ChainError, Timing, blocks};

/// How long an endpoint may take over its answer to a look, or to be dialled where there is another one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The endpoints of one chain.
pub struct Endpoints {
    places: Vec<Place>,
    genesis: [u8; 32],
    timing: Timing,
    choice: parking_lot::Mutex<Choice>,
}

struct Place {
    address: Endpoint,
    /// The open connection, if there is one.
    link: Mutex<Option<Arc<Link>>>,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointHealth {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Whether it is the one in use.
    pub in_use: bool,
    /// Its finalized head and the time its answer took; `None` if it does not answer or serves another chain.
    pub head: Option<(Block, Duration)>,
}

impl Endpoints {
    /// Connects to the first endpoint that answers, and looks at the others.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] if none answers, [`ChainError::WrongChain`] if one of them serves another chain.
    pub async fn connect(config: &ChainConfig, timing: Timing) -> Result<Arc<Self>, ChainError> {
        let mut silent = Vec::new();
        for (index, address) in config.endpoints.iter().enumerate() {
            let link = match dial(address, dial_patience(config.endpoints.len(), timing), timing).await {
                Ok(link) => link,
                Err(error) => {
                    silent.push((index, error));
                    continue;
                }
            };
            let genesis = config.genesis.unwrap_or_else(|| link.genesis());
            same_chain(address, &link, genesis)?;
            let mut choice = Choice::new(config.endpoints.len());
            for (index, error) in silent {
                tracing::warn!(%error, "the endpoint is left out for now");
                choice.note(index, Seen::Silent);
            }
            let place = |(place, address): (usize, &Endpoint)| Place {
                address: address.clone(),
                link: Mutex::new((place == index).then(|| Arc::clone(&link))),
            };
            let places = config.endpoints.iter().enumerate().map(place).collect();
            let endpoints = Arc::new(Self { places, genesis, timing, choice: parking_lot::Mutex::new(choice) });
            if endpoints.places.len() > 1
                && let Some(stranger) = endpoints.look().await.into_iter().next()
            {
                return Err(stranger);
            }
            tokio::spawn(watch(Arc::downgrade(&endpoints)));
            return Ok(endpoints);
        }
        Err(unreachable(silent.into_iter().map(|(_, error)| error).collect()))
    }

    /// The hash of the genesis block that all of them serve.
    pub const fn genesis(&self) -> [u8; 32] {
        self.genesis
    }

    /// How long is waited for what.
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// The endpoint in use, as it may be shown.
    pub fn shown(&self) -> String {
        let current = self.choice.lock().current();
        self.places[current].address.to_string()
    }

    /// A live connection, to the best endpoint; opens one, for as long as it takes. Cancel safe.
    ///
    /// # Errors
    /// [`ChainError::WrongChain`] if every endpoint serves another chain.
    pub async fn link(&self) -> Result<Arc<Link>, ChainError> {
        let mut backoff = Backoff::new();
        loop {
            let index = self.choice.lock().current();
            match self.open(&self.places[index]).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    tracing::warn!(%error, "connecting to the chain again");
                    let (hopeless, elsewhere) = {
                        let mut choice = self.choice.lock();
                        choice.note(index, failure(&error));
                        (choice.is_hopeless(), choice.is_elsewhere())
                    };
                    if elsewhere {
                        return Err(error);
                    }
                    if !hopeless {
                        continue;
                    }
                }
            }
            backoff.wait().await;
        }
    }

    /// Looks at every endpoint at once.
    pub async fn health(&self) -> Vec<EndpointHealth> {
        self.look().await;
        let choice = self.choice.lock();
        let seen = |index| match choice.seen(index) {
            Seen::Answers { head, latency } => Some((head, latency)),
            Seen::Unknown | Seen::Silent | Seen::OtherChain => None,
        };
        let places = self.places.iter().enumerate();
        let health = places.map(|(index, place)| EndpointHealth {
            endpoint: place.address.to_string(),
            in_use: index == choice.current(),
            head: seen(index),
        });
        health.collect()
    }

    /// The open connection to an endpoint, or a new one. One in use that was lost is left, if there is another.
    async fn open(&self, place: &Place) -> Result<Arc<Link>, ChainError> {
        let mut slot = place.link.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.is_lost()) {
            return Ok(Arc::clone(link));
        }
        if slot.take().is_some() && self.places.len() > 1 {
            let (endpoint, reason) = (place.address.to_string(), "the connection was lost".to_owned());
            return Err(ChainError::Unreachable { endpoint, reason });
        }
        let link = dial(&place.address, dial_patience(self.places.len(), self.timing), self.timing).await?;
        same_chain(&place.address, &link, self.genesis)?;
        tracing::info!(endpoint = %place.address, "connected to the chain again");
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    /// Looks at all of them and chooses. The errors are those of endpoints that turned out to serve another chain.
    async fn look(&self) -> Vec<ChainError> {
        let looks = join_all(self.places.iter().map(|place| self.look_at(place))).await;
        let mut strangers = Vec::new();
        let (before, now) = {
            let mut choice = self.choice.lock();
            let before = choice.current();
            for (index, look) in looks.into_iter().enumerate() {
                let seen = look.as_ref().map_or_else(failure, |seen| *seen);
                let known = choice.seen(index) == seen;
                choice.note(index, seen);
                strangers.extend(look.err().filter(|_| seen == Seen::OtherChain && !known));
            }
            choice.settle();
            (before, choice.current())
        };
        if now != before {
            self.leave(before).await;
            tracing::warn!(endpoint = self.shown(), "another endpoint serves the chain better: going on there");
        }
        for error in &strangers {
            tracing::error!(%error, "an endpoint is left out");
        }
        strangers
    }

    async fn look_at(&self, place: &Place) -> Result<Seen, ChainError> {
        let start = Instant::now();
        let link = self.open(place).await?;
        let patience = PATIENCE.min(self.timing.request);
        match timeout(patience, blocks::head_of(&link)).await {
            Ok(head) => Ok(Seen::Answers { head: head?.number, latency: start.elapsed() }),
            Err(_) => {
                link.give_up();
                let reason = format!("no answer within {patience:?}");
                Err(ChainError::Unreachable { endpoint: place.address.to_string(), reason })
            }
        }
    }

    /// Ends what still runs on the connection to an endpoint, so that it goes on elsewhere.
    async fn leave(&self, index: usize) {
        if let Some(link) = &*self.places[index].link.lock().await {
            link.give_up();
        }
    }
}

/// Looks again and again, until nobody uses the endpoints any more.
async fn watch(endpoints: Weak<Endpoints>) {
    while let Some(endpoints) = endpoints.upgrade() {
        let pause = endpoints.timing.poll / 2;
        endpoints.look().await;
        drop(endpoints);
        tokio::time::sleep(pause).await;
    }
}

fn failure(error: &ChainError) -> Seen {
    if matches!(error, ChainError::WrongChain { .. }) { Seen::OtherChain } else { Seen::Silent }
}

/// Nobody waits long for one endpoint where there is another.
fn dial_patience(count: usize, timing: Timing) -> Duration {
    if count > 1 { PATIENCE.min(timing.request) } else { timing.request }
}

async fn dial(address: &Endpoint, patience: Duration, timing: Timing) -> Result<Arc<Link>, ChainError> {
    let dialled = timeout(patience, Link::open(address.secret(), timing.request)).await;
    let late = || ChainError::Unreachable {
        endpoint: address.to_string(),
        reason: format!("no connection within {patience:?}"),
    };
    dialled.unwrap_or_else(|_| Err(late())).map(Arc::new)
}

fn same_chain(address: &Endpoint, link: &Link, expected: [u8; 32]) -> Result<(), ChainError> {
    if link.genesis() == expected {
        return Ok(());
    }
    Err(ChainError::WrongChain {
        endpoint: address.to_string(),
        found: hex::encode(link.genesis()),
        expected: hex::encode(expected),
    })
}

/// One error for all of them.
fn unreachable(errors: Vec<ChainError>) -> ChainError {
    let (mut endpoints, mut reasons) = (Vec::new(), Vec::new());
    for error in errors {
        match error {
            ChainError::Unreachable { endpoint, reason } => {
                endpoints.push(endpoint);
                reasons.push(reason);
            }
            other => return other,
        }
    }
    ChainError::Unreachable { endpoint: endpoints.join(", "), reason: reasons.join(", ") }
}
