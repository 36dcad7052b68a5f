//! What a miner and the worker process of a device say to each other: SCALE in frames of bounded length, over the worker's
//! standard input and output.
//!
//! The hotkey's secret never passes here: a worker computes roots, the miner signs them.

use std::io::{self, Read, Write};

use incentive::policy::ComputePolicy;
use incentive::units::Hotkey;
use parity_scale_codec::{Decode, DecodeAll as _, Encode};
use proof::{Challenge, Digest, Opening, Sample};

/// Both sides are the same program, so any other version is another program.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");

/// The longest order: the start of a chain with all rounds that it can have had.
pub const ORDER_LIMIT: usize = 1024 + ComputePolicy::ROUNDS_MAX as usize * size_of::<Digest>();
/// The longest report: the longest opening that any policy admits, with a hundred bytes around it.
pub const REPORT_LIMIT: usize = 100 + ComputePolicy::OPENINGS_MAX as usize * (5120 + 4 + 20 * 32 + 4);
/// What is read at once, so that a length which is a lie takes no memory.
const PIECE: usize = 64 * 1024;

/// From the miner.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Order {
    /// A chain begins, or goes on after rounds that another worker computed. Nothing is answered.
    Begin {
        /// Names the chain in later messages; never used twice.
        session: u32,
        /// Whose rows.
        hotkey: Hotkey,
        /// Which chain of the window.
        chain: u16,
        /// The window.
        challenge: Challenge,
        /// The roots so far.
        roots: Vec<Digest>,
    },
    /// Compute the next round; [`Report::Root`] answers.
    Round(u32),
    /// Open rows; [`Report::Rows`] answers.
    Open {
        /// The chain.
        session: u32,
        /// Which rows.
        samples: Vec<Sample>,
    },
    /// The chain is needed no more. Nothing is answered.
    End(u32),
    /// Are you there? [`Report::Pong`] answers at once, whatever is being computed.
    Ping,
}

/// From the worker.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Report {
    /// The device is open. The first report, and only the first.
    Hello {
        /// [`VERSION`].
        version: String,
        /// The device in words, for the log.
        about: String,
    },
    /// A round is computed; no root when the policy admits no further round.
    Root(u32, Option<Digest>),
    /// Rows are opened; none when they cannot be.
    Rows(u32, Option<Opening>),
    /// The answer to a ping.
    Pong,
    /// The device has failed, and the worker ends.
    Fault(String),
}

/// Bytes that are no message.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe broke inside a frame.
    #[error("the pipe broke: {0}")]
    Io(#[from] io::Error),
    /// Longer than any message.
    #[error("a frame of {len} bytes was announced, and the longest message has {limit}")]
    TooLong {
        /// As announced.
        len: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// Not the fields of any message, or bytes after them.
    #[error("a frame of {0} bytes is no message")]
    Malformed(usize),
}

/// Writes one message: its length as u32, least significant byte first, then its bytes.
///
/// # Errors
/// When the pipe is broken.
pub fn write(mut to: impl Write, message: &impl Encode) -> io::Result<()> {
    let body = message.encode();
    let len = u32::try_from(body.len()).map_err(io::Error::other)?;
    to.write_all(&[&len.to_le_bytes()[..], &body].concat())?;
    to.flush()
}

/// Reads one message of at most `limit` bytes; `None` when the pipe was closed between two.
///
/// # Errors
/// [`FrameError`]; the pipe is of no use after it.
pub fn read<T: Decode>(mut from: impl Read, limit: usize) -> Result<Option<T>, FrameError> {
    let mut prefix = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut prefix)?;
    let len = match prefix.try_into() {
        Ok(prefix) => u32::from_le_bytes(prefix) as usize,
        Err(short) if Vec::is_empty(&short) => return Ok(None),
        Err(_) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    };
    if len > limit {
        return Err(FrameError::TooLong { len, limit });
    }
    let mut body = Vec::with_capacity(len.min(PIECE));
    if from.take(len as u64).read_to_end(&mut body)? < len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    T::decode_all(&mut body.as_slice()).map(Some).map_err(|_| FrameError::Malformed(len))
}

#[cfg(test)]
mod tests {
    use incentive::policy::Policy;
    use incentive::units::{Block, NetUid};
    use proof::OpenedRow;

    use super::*;

    fn begin(roots: usize) -> Order {
        let compute = Policy::production().compute;
        let challenge = Challenge { genesis: [1; 32], netuid: NetUid(1), block: Block(1), nonce: [2; 32], compute };
        Order::Begin { session: 7, hotkey: Hotkey([4; 32]), chain: 3, challenge, roots: vec![[5; 32]; roots] }
    }

    fn read_back<T: Encode + Decode>(messages: &[T], limit: usize) -> Vec<T> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| write(&mut bytes, message).unwrap());
        let mut from = bytes.as_slice();
        let read = std::iter::from_fn(|| read(&mut from, limit).unwrap()).collect();
        assert!(from.is_empty());
        read
    }

    #[test]
    fn messages_come_as_they_went_and_the_longest_fit() {
        let sample = Sample { chain: 3, round: 2, row: 1 };
        let most = ComputePolicy::ROUNDS_MAX as usize;
        let samples = vec![sample; ComputePolicy::OPENINGS_MAX as usize];
        let orders = [begin(most), Order::Round(7), Order::Open { session: 7, samples }, Order::End(7), Order::Ping];
        assert_eq!(read_back(&orders, ORDER_LIMIT), orders);
        let row = OpenedRow { packed: vec![6; 5120], path: vec![[7; 32]; 20] };
        let opening = Opening { rows: vec![row; ComputePolicy::OPENINGS_MAX as usize] };
        let hello = Report::Hello { version: VERSION.to_owned(), about: "a device".to_owned() };
        let reports = [
            hello,
            Report::Root(7, Some([1; 32])),
            Report::Root(7, None),
            Report::Rows(7, Some(opening)),
            Report::Pong,
            Report::Fault("CUDA_ERROR_ILLEGAL_ADDRESS".to_owned()),
        ];
        assert_eq!(read_back(&reports, REPORT_LIMIT), reports);
    }

    #[test]
    fn garbage_lies_and_halves_are_errors_that_say_so() {
        let text = |bytes: &[u8]| read::<Report>(bytes, REPORT_LIMIT).unwrap_err().to_string();
        assert!(text(b"hello, miner").contains("a frame of 1819043176 bytes was announced"));
        assert_eq!(text(&[2, 0, 0, 0, 9, 9]), "a frame of 2 bytes is no message");
        let mut long = Vec::new();
        write(&mut long, &Report::Pong).unwrap();
        long[0] += 1;
        long.push(0);
        assert_eq!(text(&long), "a frame of 2 bytes is no message", "bytes after the fields");
        let mut whole = Vec::new();
        write(&mut whole, &begin(1)).unwrap();
        for cut in 1..whole.len() {
            assert!(matches!(read::<Order>(&whole[..cut], ORDER_LIMIT), Err(FrameError::Io(_))), "{cut}");
        }
        assert!(read::<Order>(&[][..], ORDER_LIMIT).unwrap().is_none());
    }
}
