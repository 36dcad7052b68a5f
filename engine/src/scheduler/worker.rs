//! The thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::generation::GenerationError;
use crate::model::Decoder;
use crate::scheduler::Limits;
use crate::scheduler::queue::{Counters, Queue};
use crate::scheduler::run::Run;
use crate::scheduler::slots::{Slot, empty, is_out_of_patience, place};
use crate::scheduler::step::{Part, forward, plan, sample};

/// How often it is looked whether a reader has made room, while no slot can go on.
const LOOK: Duration = Duration::from_millis(2);

struct Worker<'a> {
    decoder: Box<dyn Decoder>,
    slots: Vec<Slot>,
    /// Counts admissions and releases: which was earlier.
    clock: u64,
    limits: &'a Limits,
    queue: &'a Queue,
}

/// Serves the queue until it is closed and what runs is finished.
pub(super) fn work(decoder: Box<dyn Decoder>, limits: &Limits, queue: &Queue) {
    /// Whatever ends the thread, nobody waits for it.
    struct End<'a>(&'a Queue);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.counters.running.store(0, Ordering::Relaxed);
            self.0.end();
        }
    }
    let _end = End(queue);
    let slots = std::iter::repeat_with(Slot::default).take(decoder.slots()).collect();
    let mut worker = Worker { decoder, slots, clock: 0, limits, queue };
    while worker.turn() {}
}

impl Worker<'_> {
    /// One step, or one sleep. Says whether there is more to come.
    fn turn(&mut self) -> bool {
        self.release();
        self.admit();
        let parts = plan(&self.slots, self.limits.prefill);
        if !parts.is_empty() {
            self.step(&parts);
            return true;
        }
        let paused = self.slots.iter().any(|slot| slot.run.is_some());
        let end = self.queue.sleep(paused.then_some(LOOK));
        paused || !end
    }

    /// Frees the slots of those who went away, or do not read.
    fn release(&mut self) {
        let now = Instant::now();
        for index in 0..self.slots.len() {
            if self.slots[index].run.as_ref().is_some_and(Run::is_cancelled) {
                self.free(index);
                count(&self.counters().cancelled, 1);
            } else if is_out_of_patience(&mut self.slots[index], now, self.limits.patience) {
                count(&self.counters().cancelled, 1);
                self.free(index).into_iter().for_each(|run| run.fail(GenerationError::Slow));
            }
        }
    }

    /// Gives free slots to those who wait.
    fn admit(&mut self) {
        while self.slots.iter().any(|slot| slot.run.is_none()) {
            let Some(request) = self.queue.pop() else { return };
            let placed = catch_unwind(AssertUnwindSafe(|| {
                place(&mut self.slots, &mut *self.decoder, &request.generation.prompt)
            }));
            let run = Run::new(request, self.clock);
            self.clock += 1;
            match placed {
                Ok(Some(slot)) => {
                    count(&self.counters().reused, self.slots[slot].cached.len());
                    count(&self.counters().running, 1);
                    self.slots[slot].run = Some(run);
                }
                Ok(None) => run.fail(GenerationError::Failed("no slot is free".into())),
                Err(_) => {
                    run.fail(GenerationError::Failed("it panicked while a slot was prepared".into()));
                    count(&self.counters().failed, 1);
                    self.give_up("it panicked while a slot was prepared");
                }
            }
        }
    }

    fn step(&mut self, parts: &[Part]) {
        count(&self.counters().steps, 1);
        let outputs = match forward(&mut *self.decoder, &self.slots, parts) {
            Ok(outputs) => outputs,
            Err((problem, true)) => return self.give_up(&problem),
            Err((problem, false)) => {
                for part in parts {
                    self.fail(part.slot, &problem);
                }
                return;
            }
        };
        for part in parts {
            self.advance(part);
        }
        let context = self.decoder.info().context;
        for (slot, token) in sample(&self.slots, parts, &outputs) {
            match token {
                Ok(token) => {
                    count(&self.counters().generated, 1);
                    let finish = self.slots[slot].run.as_mut().and_then(|run| run.push(token, context));
                    if let Some(finish) = finish {
                        // The slot is free before anybody knows that it is.
                        self.free(slot).into_iter().for_each(|run| run.finish(finish));
                    }
                }
                Err(error) => self.fail(slot, &error.to_string()),
            }
        }
    }

    /// Notes that the decoder's cache has grown.
    fn advance(&mut self, part: &Part) {
        let Slot { cached, run: Some(run), .. } = &mut self.slots[part.slot] else { return };
        let (from, to) = (cached.len(), cached.len() + part.tokens);
        cached.extend_from_slice(&run.tokens[from..to]);
        let prompted = to.min(run.prompt).saturating_sub(from);
        count(&self.counters().prompted, prompted);
    }

    /// Takes a slot back; its tokens stay for a prompt that begins alike.
    fn free(&mut self, index: usize) -> Option<Run> {
        let slot = &mut self.slots[index];
        let run = slot.run.take()?;
        slot.used = self.clock;
        self.clock += 1;
        self.counters().running.fetch_sub(1, Ordering::Relaxed);
        Some(run)
    }

    fn fail(&mut self, index: usize, problem: &str) {
        if let Some(run) = self.free(index) {
            count(&self.counters().failed, 1);
            run.fail(GenerationError::Failed(problem.into()));
        }
    }

    /// After a failure that may have left anything in the caches: all who run fail, and every slot is emptied. A
    /// decoder that cannot even do that is not asked again.
    fn give_up(&mut self, problem: &str) {
        for index in 0..self.slots.len() {
            self.fail(index, problem);
        }
        let emptied = catch_unwind(AssertUnwindSafe(|| {
            for (index, slot) in self.slots.iter_mut().enumerate() {
                empty(slot, &mut *self.decoder, index);
            }
        }));
        if emptied.is_err() {
            self.queue.close();
        }
    }

    fn counters(&self) -> &Counters {
        &self.queue.counters
    }
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
