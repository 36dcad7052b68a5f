//! The thread that computes answers again. Decoders belong to it alone; who wants an answer checked waits for its turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use engine::check::CheckError;
use engine::model::Decoder;
use tokio::sync::{mpsc, oneshot};

use super::audit::{Answer, Examined, examine};
use super::models::Model;
use super::stream::Bound;

/// Answers that wait; further ones make their senders wait.
const WAITING: usize = 16;

/// Why an answer was not checked: this validator's own failure.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The model could not say anything about it.
    #[error("the answer cannot be computed again: {0}")]
    Check(#[from] CheckError),
    /// The thread is gone, or the check panicked.
    #[error("the thread that checks answers broke off; this is a defect: restart the validator, and report it")]
    Broken,
}

/// A handle on the thread; it ends with the last one.
#[derive(Clone, Debug)]
pub struct Examiner {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    model: usize,
    answer: Answer,
    bound: Bound,
    reply: oneshot::Sender<Result<Examined, ExamineError>>,
}

impl Examiner {
    /// Starts the thread, with each model and its decoder, in their order.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(mut known: Vec<(Arc<Model>, Box<dyn Decoder>)>) -> std::io::Result<Self> {
        let (orders, waiting) = mpsc::channel(WAITING);
        std::thread::Builder::new().name("examiner".into()).spawn(move || work(&mut known, waiting))?;
        Ok(Self { orders })
    }

    /// Computes an answer to model number `model` again.
    ///
    /// # Errors
    /// The checker's own failures.
    pub async fn examine(&self, model: usize, answer: Answer, bound: Bound) -> Result<Examined, ExamineError> {
        let (reply, found) = oneshot::channel();
        let order = Order { model, answer, bound, reply };
        self.orders.send(order).await.map_err(|_| ExamineError::Broken)?;
        found.await.map_err(|_| ExamineError::Broken)?
    }
}

fn work(known: &mut [(Arc<Model>, Box<dyn Decoder>)], mut orders: mpsc::Receiver<Order>) {
    while let Some(Order { model, answer, bound, reply }) = orders.blocking_recv() {
        // Who asked has gone: nothing is computed for nobody.
        if reply.is_closed() {
            continue;
        }
        let Some((model, decoder)) = known.get_mut(model) else { continue };
        // A check empties its slot before it begins, so nothing is left behind by one that broke off.
        let done = catch_unwind(AssertUnwindSafe(|| examine(decoder.as_mut(), model, &answer, &bound)));
        let done = done.map_err(|_| ExamineError::Broken).and_then(|done| Ok(done?));
        // Whoever waited may be gone by now.
        drop(reply.send(done));
    }
}
