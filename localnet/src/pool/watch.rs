use sp_core::H256;
use tokio::sync::mpsc;

/// What happens to a watched extrinsic, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It can go into the next block.
    Ready,
    /// It waits for another one.
    Future,
    /// It is in a block, which is final.
    Included {
        /// The block.
        block: H256,
        /// Position in the block's body.
        index: u32,
    },
    /// Another one took its place.
    Usurped(H256),
    /// The pool had no room for it any longer, or its time is over.
    Dropped,
    /// It became invalid; the text says why.
    Invalid(String),
}

/// One who wants to know what becomes of an extrinsic.
#[derive(Debug)]
pub struct Watcher(mpsc::UnboundedSender<Status>);

impl Watcher {
    /// A watcher and where its news arrive. The channel has no bound of its own: an extrinsic has few statuses.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Status>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Tells the news. Whoever stopped listening misses nothing.
    pub fn tell(&self, status: Status) {
        self.0.send(status).ok();
    }
}
