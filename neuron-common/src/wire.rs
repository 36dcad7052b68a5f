//! The messages between validator and miner, version 1. Bodies are SCALE, lengths are bounded before anything is decoded.

use incentive::units::{Block, NetUid};
use parity_scale_codec::{Compact, Decode, DecodeAll as _, Encode, Error, Input};
use proof::{Digest, Opening};

/// The version of the messages here. Every request starts with it.
pub const VERSION: u16 = 1;

/// Where a validator asks a miner to work.
pub const WINDOW_PATH: &str = "/v1/compute/window";
/// Where a validator asks a miner to open sampled rows.
pub const OPEN_PATH: &str = "/v1/compute/open";
/// Where anybody sees that a miner answers.
pub const HEALTH_PATH: &str = "/v1/health";

/// The largest body of a request, in bytes.
pub const REQUEST_LIMIT: usize = 1024;

/// The most chains that a request may name; the policy's own limit is lower or equal.
pub const CHAINS_MAX: usize = incentive::policy::ComputePolicy::CHAINS_MAX as usize;

/// A validator asks a miner to work on the window that the chain has opened.
///
/// The answer is a stream of [`RootFrame`]s.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WindowRequest {
    /// [`VERSION`].
    pub version: u16,
    /// The subnet.
    pub netuid: NetUid,
    /// The block that opened the window.
    pub block: Block,
    /// Its hash.
    pub nonce: [u8; 32],
    /// Digest of the policy that the validator follows.
    pub policy: Digest,
    /// Commitment to the secret that will draw the samples.
    pub secret_commitment: Digest,
}

/// A validator reveals its secret and asks for the rows that it draws.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct OpenRequest {
    /// [`VERSION`].
    pub version: u16,
    /// The window id.
    pub window: Digest,
    /// The secret behind [`WindowRequest::secret_commitment`].
    pub secret: [u8; 32],
    /// The rounds of each chain that the validator counts, from chain 0 on.
    pub counted: Vec<u32>,
}

/// The sampled rows.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenResponse {
    /// The rows in the order of the samples, with their Merkle paths.
    pub opening: Opening,
    /// The hotkey's signature over `proof::opening_digest`.
    pub signature: [u8; 64],
}

/// One finished round, signed: 102 bytes, one after the other in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootFrame {
    /// The chain.
    pub chain: u16,
    /// The round, from 1.
    pub round: u32,
    /// The root over its rows.
    pub root: Digest,
    /// The hotkey's signature over `proof::head_digest` of the head after this round.
    pub signature: [u8; 64],
}

/// Bytes that are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than any message of its kind.
    #[error("the message has {actual} bytes, more than the {limit} that its kind can have")]
    TooLong {
        /// Its length in bytes.
        actual: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// Not the fields of the message, or bytes after them.
    #[error("the bytes are not a message of version {VERSION}")]
    Malformed,
    /// A request of a version that is not spoken here.
    #[error("version {0} of the protocol is not spoken here; version {VERSION} is")]
    UnsupportedVersion(u16),
}

/// A message that starts with a version.
pub trait Request: Decode {
    /// Bytes of the longest message.
    const LIMIT: usize;
}

impl Request for WindowRequest {
    const LIMIT: usize = 2 + 2 + 8 + 3 * 32;
}

impl Request for OpenRequest {
    // A list of up to 64 entries has its length in two bytes at most.
    const LIMIT: usize = 2 + 2 * 32 + 2 + 4 * CHAINS_MAX;
}

/// Decodes a request: size, then version, then the whole rest.
///
/// # Errors
/// [`WireError`]; another version is told apart from garbage, as its layout is not known here.
pub fn decode<T: Request>(bytes: &[u8]) -> Result<T, WireError> {
    let version = u16::decode(&mut &*bytes).map_err(|_| WireError::Malformed)?;
    if version != VERSION {
        return Err(WireError::UnsupportedVersion(version));
    }
    bounded(bytes, T::LIMIT)
}

/// Decodes the answer to an open request. `opening_limit` is the longest encoding of a right opening under the policy.
///
/// # Errors
/// [`WireError`].
pub fn decode_opening(bytes: &[u8], opening_limit: usize) -> Result<OpenResponse, WireError> {
    bounded(bytes, OpenResponse::limit(opening_limit))
}

fn bounded<T: Decode>(mut bytes: &[u8], limit: usize) -> Result<T, WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLong { actual: bytes.len(), limit });
    }
    T::decode_all(&mut bytes).map_err(|_| WireError::Malformed)
}

// === impl OpenRequest ===

impl Decode for OpenRequest {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let (version, window, secret) = Decode::decode(input)?;
        let chains = Compact::<u32>::decode(input)?.0 as usize;
        if chains > CHAINS_MAX {
            return Err("more chains than any policy admits".into());
        }
        let counted = (0..chains).map(|_| u32::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { version, window, secret, counted })
    }
}

// === impl OpenResponse ===

impl OpenResponse {
    /// Bytes of the longest right answer: the limit for a body before it is read.
    #[must_use]
    pub const fn limit(opening_limit: usize) -> usize {
        opening_limit.saturating_add(64)
    }
}

// === impl RootFrame ===

impl RootFrame {
    /// Bytes of a frame.
    pub const LEN: usize = 2 + 4 + 32 + 64;

    /// The frame as it travels, integers little endian.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&self.chain.to_le_bytes());
        bytes[2..6].copy_from_slice(&self.round.to_le_bytes());
        bytes[6..38].copy_from_slice(&self.root);
        bytes[38..].copy_from_slice(&self.signature);
        bytes
    }

    /// The frame in exactly [`Self::LEN`] bytes; `None` for any other length. Every content is a frame.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (chain, rest) = bytes.split_first_chunk()?;
        let (round, rest) = rest.split_first_chunk()?;
        let (root, rest) = rest.split_first_chunk()?;
        let (signature, _none) = rest.split_first_chunk()?;
        Some(Self {
            chain: u16::from_le_bytes(*chain),
            round: u32::from_le_bytes(*round),
            root: *root,
            signature: *signature,
        })
    }
}

#[cfg(test)]
mod tests {
    use proof::OpenedRow;
    use proptest::prelude::*;

    use super::*;

    fn window() -> WindowRequest {
        WindowRequest {
            version: VERSION,
            netuid: NetUid(7),
            block: Block(300),
            nonce: [1; 32],
            policy: [2; 32],
            secret_commitment: [3; 32],
        }
    }

    fn open(chains: usize) -> OpenRequest {
        OpenRequest { version: VERSION, window: [4; 32], secret: [5; 32], counted: vec![9; chains] }
    }

    #[test]
    fn layouts_are_fixed() {
        let tail = format!("{}{}{}", "01".repeat(32), "02".repeat(32), "03".repeat(32));
        assert_eq!(hex::encode(window().encode()), format!("010007002c01000000000000{tail}"));
        assert_eq!(window().encode().len(), WindowRequest::LIMIT);
        let head = format!("0100{}{}", "04".repeat(32), "05".repeat(32));
        assert_eq!(hex::encode(open(2).encode()), format!("{head}080900000009000000"));
        let frame = RootFrame { chain: 1, round: 2, root: [6; 32], signature: [7; 64] };
        assert_eq!(hex::encode(frame.encode()), format!("010002000000{}{}", "06".repeat(32), "07".repeat(64)));
    }

    #[test]
    fn requests_round_trip_up_to_the_limit() {
        assert_eq!(decode(&window().encode()), Ok(window()));
        for chains in [0, 1, CHAINS_MAX] {
            assert_eq!(decode(&open(chains).encode()), Ok(open(chains)));
        }
        assert_eq!(open(CHAINS_MAX).encode().len(), OpenRequest::LIMIT);
        assert!(OpenRequest::LIMIT.max(WindowRequest::LIMIT) <= REQUEST_LIMIT);
    }

    #[test]
    fn long_short_and_padded_requests_are_refused() {
        let too_many = open(CHAINS_MAX + 1).encode();
        assert!(matches!(decode::<OpenRequest>(&too_many), Err(WireError::TooLong { .. })));
        let mut lies = open(0).encode();
        lies.truncate(66);
        lies.extend(Compact(u32::MAX).encode());
        assert_eq!(decode::<OpenRequest>(&lies), Err(WireError::Malformed));
        let mut padded = open(1).encode();
        padded.push(0);
        assert_eq!(decode::<OpenRequest>(&padded), Err(WireError::Malformed));
        assert_eq!(decode::<WindowRequest>(&window().encode()[..50]), Err(WireError::Malformed));
        assert_eq!(decode::<WindowRequest>(&[]), Err(WireError::Malformed));
    }

    #[test]
    fn another_version_is_named_whatever_follows_it() {
        assert_eq!(decode::<WindowRequest>(&[2, 0]), Err(WireError::UnsupportedVersion(2)));
        let long = [&[9, 0][..], &[0; 500]].concat();
        assert_eq!(decode::<OpenRequest>(&long), Err(WireError::UnsupportedVersion(9)));
    }

    #[test]
    fn answers_are_bounded_by_the_policy() {
        let opening = Opening { rows: vec![OpenedRow { packed: vec![1; 10], path: vec![[2; 32]; 3] }; 4] };
        let limit = opening.encoded_size();
        let answer = OpenResponse { opening, signature: [8; 64] };
        assert_eq!(decode_opening(&answer.encode(), limit), Ok(answer.clone()));
        assert!(matches!(decode_opening(&answer.encode(), limit - 1), Err(WireError::TooLong { .. })));
        assert_eq!(decode_opening(&answer.encode()[1..], limit), Err(WireError::Malformed));
    }

    #[test]
    fn a_frame_has_one_length() {
        let frame = RootFrame { chain: 1, round: 2, root: [6; 32], signature: [7; 64] };
        assert_eq!(RootFrame::parse(&frame.encode()), Some(frame));
        assert_eq!(RootFrame::parse(&frame.encode()[1..]), None);
        assert_eq!(RootFrame::parse(&[0; RootFrame::LEN + 1]), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = decode::<WindowRequest>(&bytes);
            let _ = decode::<OpenRequest>(&bytes);
            let _ = decode_opening(&bytes, 600);
            let _ = RootFrame::parse(&bytes);
        }
    }
}
