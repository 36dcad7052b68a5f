//! Models, served to whoever may call.
//!
//! - [`config`]: which models, and to whom
//! - [`backend`]: the seam between the API and what answers
//! - [`models`]: what answers, opened as configured
//! - [`local`]: a model of this process's engine
//! - [`remote`]: a model on another server
//! - [`openai`]: the HTTP API
//! - [`access`]: who may call
//! - [`queue`]: whose turn it is
//! - [`service`]: all of these together
//! - [`mod@bench`]: how fast a model is
//! - [`stub`]: a backend without a model, for measurements of everything else

pub mod access;
pub mod backend;
pub mod bench;
pub mod config;
pub mod local;
pub mod metrics;
pub mod models;
pub mod openai;
pub mod queue;
pub mod remote;
pub mod service;
pub mod stub;

use incentive::units::{Hotkey, NetUid};

use backend::Completion;

/// What every seed is derived for, besides caller and request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain.
    pub genesis: [u8; 32],
    /// The subnet.
    pub netuid: NetUid,
    /// This miner.
    pub own: Hotkey,
}

impl Identity {
    /// The seed of an answer, from the digest of its request ([`proof::inference::request_digest`]).
    #[must_use]
    pub fn seed(&self, completion: &Completion, request: &[u8; 32]) -> [u8; 32] {
        let Self { genesis, netuid, own } = self;
        proof::inference::seed(genesis, *netuid, &completion.caller, own, &completion.nonce, request)
    }
}
