//! A validator in the hands of a test: asks one miner for one window, checks everything, and says what it found.
//!
//! Written against the protocol alone, so that it can contradict the validator proper.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use incentive::policy::Policy;
use incentive::score::score;
use incentive::units::{Hotkey, NetUid};
use incentive::verdict::{Fault, Verdict};
use neuron_common::auth;
use neuron_common::keystore::{self, Keypair};
use neuron_common::problem::{self, Problem};
use neuron_common::window::OpenWindow;
use neuron_common::wire::{self, OpenRequest, RootFrame, WindowRequest};
use parity_scale_codec::Encode as _;
use proof::{Chain, Challenge, Commitment, Opening, ScalarKernel, Shape, Step, Weights};
use reqwest::{Client, Method, Response};
use tokio::time::{Instant, timeout_at};

/// A hotkey that asks miners.
#[derive(Clone)]
pub struct Caller {
    /// Its key.
    pub key: Arc<Keypair>,
    /// Its connections.
    pub http: Client,
}

/// A miner, as the metagraph shows it.
#[derive(Clone, Copy, Debug)]
pub struct Miner {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who it is.
    pub hotkey: Hotkey,
}

/// One window and what belongs to it.
pub struct Asked {
    /// The challenge.
    pub challenge: Challenge,
    /// What is agreed.
    pub policy: Policy,
    /// What draws the samples.
    pub secret: [u8; 32],
}

impl Asked {
    /// The window that the chain has opened.
    #[must_use]
    pub fn new(genesis: [u8; 32], netuid: NetUid, window: &OpenWindow, policy: &Policy, secret: [u8; 32]) -> Self {
        let (block, nonce, compute) = (window.block.number, window.nonce, policy.compute.clone());
        Self { challenge: Challenge { genesis, netuid, block, nonce, compute }, policy: policy.clone(), secret }
    }

    /// The request for this window.
    #[must_use]
    pub fn request(&self) -> WindowRequest {
        WindowRequest {
            version: wire::VERSION,
            netuid: self.challenge.netuid,
            block: self.challenge.block,
            nonce: self.challenge.nonce,
            policy: proof::policy_digest(&self.policy),
            secret_commitment: proof::secret_commitment(&self.secret),
        }
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(self.policy.window.duration_ms.into())
    }
}

impl Caller {
    /// A caller with this key.
    ///
    /// # Errors
    /// When the system has no sockets to give.
    pub fn new(key: Keypair) -> Result<Self> {
        Ok(Self { key: Arc::new(key), http: Client::builder().no_proxy().build()? })
    }

    /// Sends a signed request.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post(&self, miner: &Miner, path: &str, body: Vec<u8>) -> Result<Response, reqwest::Error> {
        let headers = auth::sign(&self.key, "POST", path, &body, &miner.hotkey, SystemTime::now());
        self.http
            .request(Method::POST, format!("http://{}{path}", miner.address))
            .headers(headers)
            .body(body)
            .send()
            .await
    }

    /// Plays one whole window with one miner.
    ///
    /// # Errors
    /// Only for failures of the test itself: what a miner does wrong is the verdict.
    pub async fn examine(&self, miner: &Miner, asked: &Asked) -> Result<Verdict> {
        Ok(match self.attempt(miner, asked).await? {
            Ok(rounds) => Verdict::Accepted(score(rounds, &asked.policy)),
            Err(fault) => Verdict::Rejected(fault),
        })
    }

    async fn attempt(&self, miner: &Miner, asked: &Asked) -> Result<Result<u64, Fault>> {
        let end = Instant::now() + asked.duration();
        let Ok(answer) = self.post(miner, wire::WINDOW_PATH, asked.request().encode()).await else {
            return Ok(Err(Fault::Unreachable));
        };
        if !answer.status().is_success() {
            return Ok(Err(Fault::WindowRefused));
        }
        let chains = match chains(&frames(answer, end).await, &asked.challenge, &miner.hotkey) {
            Ok(chains) => chains,
            Err(fault) => return Ok(Err(fault)),
        };
        self.open(miner, asked, chains).await
    }

    async fn open(&self, miner: &Miner, asked: &Asked, chains: Vec<Chain>) -> Result<Result<u64, Fault>> {
        let id = asked.challenge.id();
        let counted: Vec<u32> = chains.iter().map(Chain::rounds).collect();
        let request =
            OpenRequest { version: wire::VERSION, window: id, secret: asked.secret, counted: counted.clone() };
        let Ok(answer) = self.post(miner, wire::OPEN_PATH, request.encode()).await else {
            return Ok(Err(Fault::OpeningRefused));
        };
        if !answer.status().is_success() {
            return Ok(Err(Fault::OpeningRefused));
        }
        let limit = Opening::encoded_len(&Shape::new(&asked.challenge.compute)?);
        let Ok(answer) = wire::decode_opening(&answer.bytes().await?, limit) else {
            return Ok(Err(Fault::Malformed));
        };
        let roots = chains.iter().map(|chain| chain.roots().to_vec()).collect();
        let commitment = Commitment { hotkey: miner.hotkey, chains: roots };
        let samples = proof::sample(&asked.secret, &asked.challenge, &commitment);
        let digest = proof::opening_digest(&id, &miner.hotkey, &samples, &answer.opening);
        if !keystore::verify(&miner.hotkey, &digest, &answer.signature) {
            return Ok(Err(Fault::BadSignature));
        }
        let weights = Weights::resident(&asked.challenge)?;
        let rounds = counted.into_iter().map(u64::from).sum();
        Ok(proof::verify(&weights, &ScalarKernel, &commitment, &samples, &answer.opening).map(|()| rounds))
    }
}

/// The bytes of whole frames that arrive before `end`.
async fn frames(mut answer: Response, end: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout_at(end, answer.chunk()).await {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(bytes.len() / RootFrame::LEN * RootFrame::LEN);
    bytes
}

/// The chains that the frames make, every head signed.
fn chains(frames: &[u8], challenge: &Challenge, hotkey: &Hotkey) -> Result<Vec<Chain>, Fault> {
    let mut chains: Vec<Chain> = Vec::new();
    for frame in frames.chunks_exact(RootFrame::LEN) {
        let frame = RootFrame::parse(frame).ok_or(Fault::Malformed)?;
        if frame.chain >= challenge.compute.chains_max {
            return Err(Fault::Malformed);
        }
        while chains.len() <= usize::from(frame.chain) {
            let index = u16::try_from(chains.len()).map_err(|_| Fault::Malformed)?;
            chains.push(Chain::new(challenge, hotkey, index));
        }
        let chain = chains.get_mut(usize::from(frame.chain)).ok_or(Fault::Malformed)?;
        let Step::Next(head) = chain.step(frame.round, &frame.root) else { return Err(Fault::Malformed) };
        let signed = proof::head_digest(&challenge.id(), hotkey, frame.chain, frame.round, &head);
        if !keystore::verify(hotkey, &signed, &frame.signature) {
            return Err(Fault::BadSignature);
        }
        chain.push(frame.root);
    }
    if chains.is_empty() { Err(Fault::NoRoot) } else { Ok(chains) }
}

/// The problem document of a refusal.
///
/// # Errors
/// When the answer is none.
pub async fn problem(answer: Response) -> Result<Problem> {
    let status = answer.status().as_u16();
    let media_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = answer.text().await?;
    ensure!(
        media_type.as_deref() == Some(problem::MEDIA_TYPE),
        "{status} with {media_type:?} {text:?} is no problem document"
    );
    let problem: Problem = serde_json::from_str(&text)?;
    ensure!(problem.status == status, "the document says {}, the status {status}", problem.status);
    Ok(problem)
}
