//! The scheduler over a decoder whose logits are a hash of the sequence: any token that is fed wrongly, twice, or not
//! at all changes all that follow.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::generation::{Event, Events, Finish, Generation, GenerationError, Sampling};
use engine::model::{Decoder, ModelError, ModelInfo, Output, Segment, Want};
use engine::sampler::{Row, choose};
use engine::scheduler::{Limits, Scheduler, Stub};

const VOCABULARY: usize = 300;
const CONTEXT: usize = 256;

fn sampling(seed: u8) -> Sampling {
    Sampling {
        temperature: 0.9,
        top_k: 0,
        top_p: 0.95,
        presence_penalty: 0.3,
        frequency_penalty: 0.2,
        seed: [seed; 32],
    }
}

fn generation(prompt: &[u32], seed: u8, max_tokens: usize) -> Generation {
    let stop = Vec::new();
    Generation { prompt: prompt.to_vec(), sampling: sampling(seed), max_tokens, stop, top_logprobs: 2, states: false }
}

fn prompt(number: u32, length: usize) -> Vec<u32> {
    (0..length as u32).map(|at| (number * 31 + at * at * 7) % VOCABULARY as u32).collect()
}

/// Token ids up to the end.
fn read(events: &mut Events) -> Result<(Vec<u32>, Finish), GenerationError> {
    let mut ids = Vec::new();
    loop {
        match events.blocking_recv().expect("an end")? {
            Event::Token { token, state } => {
                assert!(state.is_empty(), "nobody asked for states");
                assert_eq!(token.top.len(), 2);
                assert!(token.top[0].1 >= token.logprob && token.logprob < 0.0);
                ids.push(token.id);
            }
            Event::End(finish) => {
                assert_eq!(events.blocking_recv(), None, "nothing after the end");
                return Ok((ids, finish));
            }
        }
    }
}

/// What has to come: one slot, one token after the other, no scheduler.
fn expected(generation: &Generation) -> Vec<u32> {
    let mut stub = Stub::new(VOCABULARY, CONTEXT, 1);
    let (mut tokens, mut fed) = (generation.prompt.clone(), 0);
    while tokens.len() - generation.prompt.len() < generation.max_tokens && tokens.len() < CONTEXT {
        let segment = Segment { slot: 0, ids: &tokens[fed..], want: Want::Last };
        let logits = stub.forward(&[segment]).expect("room").remove(0).logits;
        fed = tokens.len();
        let row = Row::new(&logits, &tokens[generation.prompt.len()..], fed as u64);
        tokens.push(choose(&row, &generation.sampling).expect("logits").id);
    }
    tokens.split_off(generation.prompt.len())
}

fn start(decoder: impl Decoder + 'static, limits: Limits) -> Scheduler {
    Scheduler::start(Box::new(decoder), limits).expect("a thread")
}

fn stub(slots: usize) -> Stub {
    Stub::new(VOCABULARY, CONTEXT, slots)
}

/// Waits for something that comes about on another thread.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn tokens_do_not_depend_on_the_batch() {
    let asked: Vec<_> =
        (0..24).map(|n| generation(&prompt(n, 1 + (n as usize * 13) % 90), n as u8, 20 + n as usize % 7)).collect();
    for (slots, prefill) in [(1, 512), (3, 1), (8, 7), (8, 512)] {
        let scheduler = start(stub(slots), Limits { prefill, ..Limits::default() });
        let mut events: Vec<_> =
            asked.iter().map(|asked| scheduler.submit(asked.clone()).expect("room to wait")).collect();
        for (asked, events) in asked.iter().zip(&mut events) {
            assert_eq!(read(events), Ok((expected(asked), Finish::Length)), "{slots} slots, {prefill} tokens a step");
        }
        scheduler.close();
        scheduler.join();
        let stats = scheduler.stats();
        assert_eq!((stats.running, stats.waiting, stats.failed, stats.cancelled), (0, 0, 0, 0));
        assert_eq!(stats.generated, asked.iter().map(|asked| asked.max_tokens as u64).sum::<u64>());
        assert_eq!(stats.prompted + stats.reused, asked.iter().map(|asked| asked.prompt.len() as u64).sum::<u64>());
    }
}

#[test]
fn tokens_do_not_depend_on_what_is_reused() {
    let scheduler = start(stub(3), Limits::default());
    let first = generation(&prompt(1, 60), 1, 30);
    let (answer, _) = read(&mut scheduler.submit(first.clone()).expect("room")).expect("an answer");
    assert_eq!(scheduler.stats().reused, 0);

    // The next turn of the conversation: all but the last token of the answer was computed.
    let mut turn = [&first.prompt[..], &answer, &prompt(2, 10)].concat();
    let second = generation(&turn, 2, 10);
    assert_eq!(read(&mut scheduler.submit(second.clone()).expect("room")), Ok((expected(&second), Finish::Length)));
    assert_eq!(scheduler.stats().reused, 89);

    // The same prompt again: its last token is computed once more.
    let again = generation(&turn, 3, 10);
    assert_eq!(read(&mut scheduler.submit(again.clone()).expect("room")), Ok((expected(&again), Finish::Length)));
    assert_eq!(scheduler.stats().reused, 89 + 99);

    // A short common beginning is copied, and the long cache stays.
    let other = generation(&[&turn[..20], &prompt(9, 15)].concat(), 4, 10);
    assert_eq!(read(&mut scheduler.submit(other.clone()).expect("room")), Ok((expected(&other), Finish::Length)));
    assert_eq!(scheduler.stats().reused, 89 + 99 + 20);
    let again = generation(&turn, 3, 10);
    assert_eq!(read(&mut scheduler.submit(again.clone()).expect("room")), Ok((expected(&again), Finish::Length)));
    assert_eq!(scheduler.stats().reused, 89 + 99 + 20 + 99);

    // Negative control: a prompt that differs in its first token reuses nothing.
    turn[0] = (turn[0] + 1) % VOCABULARY as u32;
    read(&mut scheduler.submit(generation(&turn, 5, 1)).expect("room")).expect("an answer");
    assert_eq!(scheduler.stats().reused, 89 + 99 + 20 + 99);
}

#[test]
fn a_busy_slot_lends_its_beginning() {
    let (scheduler, steps) = stepped(stub(2), Limits::default());
    let first = generation(&prompt(1, 50), 1, 40);
    let mut running = scheduler.submit(first.clone()).expect("room");
    steps.let_pass(5);
    let second = generation(&[&first.prompt[..45], &[7, 8]].concat(), 2, 5);
    let mut beside = scheduler.submit(second.clone()).expect("room");
    steps.let_all_pass();
    assert_eq!(read(&mut beside), Ok((expected(&second), Finish::Length)));
    assert_eq!(read(&mut running), Ok((expected(&first), Finish::Length)));
    assert_eq!(scheduler.stats().reused, 45);
}

#[test]
fn an_answer_ends_where_it_must() {
    let scheduler = start(stub(2), Limits::default());
    let mut asked = generation(&prompt(3, 10), 5, 40);
    let all = expected(&asked);
    let at = (10..).find(|at| !all[..*at].contains(&all[*at])).expect("a token that was not there before");
    asked.stop = vec![all[at]];
    assert_eq!(read(&mut scheduler.submit(asked).expect("room")), Ok((all[..=at].to_vec(), Finish::Stop)));

    let asked = generation(&prompt(3, CONTEXT - 3), 5, 40);
    let (answer, finish) = read(&mut scheduler.submit(asked.clone()).expect("room")).expect("an answer");
    assert_eq!((answer.len(), finish), (3, Finish::Length), "the context is full");
    assert_eq!(answer, expected(&asked));
}

#[test]
fn what_cannot_be_served_is_refused() {
    let scheduler = start(stub(1), Limits::default());
    let refused = |generation| scheduler.submit(generation).expect_err("refused");
    let too_long = GenerationError::Context { prompt: CONTEXT, context: CONTEXT };
    assert_eq!(refused(generation(&prompt(1, CONTEXT), 0, 1)), too_long);
    let text = |generation| match refused(generation) {
        GenerationError::Invalid(text) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(generation(&[], 0, 1)), "the prompt is empty");
    assert_eq!(text(generation(&[1, 300], 0, 1)), "300 is no token of this model, which has 300");
    assert_eq!(text(generation(&[1], 0, 0)), "no token is asked for");
    assert_eq!(text(Generation { top_logprobs: 21, ..generation(&[1], 0, 1) }), "at most 20 alternatives are reported");
    let mut cold = generation(&[1], 0, 1);
    cold.sampling.temperature = -1.0;
    assert_eq!(text(cold), "temperature is -1; it must be 0, or from 0.01 to 2");
    assert_eq!(scheduler.stats().steps, 0);
}

#[test]
fn the_queue_is_bounded_and_closes() {
    let (scheduler, steps) = stepped(stub(1), Limits { waiting: 2, ..Limits::default() });
    let submit = || scheduler.submit(generation(&prompt(1, 5), 0, 3));
    let mut running = submit().expect("a slot");
    eventually("the first is running", || scheduler.stats().running == 1);
    let mut waiting = [submit().expect("room"), submit().expect("room")];
    assert_eq!(submit().expect_err("no room"), GenerationError::Busy);
    // Who goes away makes room.
    let [_, second] = &mut waiting;
    second.close();
    let mut third = submit().expect("room");
    assert_eq!(scheduler.stats().waiting, 2);

    scheduler.close();
    assert_eq!(submit().expect_err("closed"), GenerationError::Closed);
    let [mut first, _] = waiting;
    assert_eq!(read(&mut first), Err(GenerationError::Closed));
    assert_eq!(read(&mut third), Err(GenerationError::Closed));
    steps.let_all_pass();
    assert!(read(&mut running).is_ok(), "what runs is finished");
    scheduler.join();
}

#[test]
fn the_last_handle_ends_the_thread() {
    let scheduler = start(stub(2), Limits::default());
    let other = scheduler.clone();
    drop(scheduler);
    let asked = generation(&prompt(1, 9), 0, 30);
    let mut events = other.submit(asked.clone()).expect("still there");
    eventually("it is running or done", || other.stats().generated > 0);
    drop(other);
    assert_eq!(read(&mut events), Ok((expected(&asked), Finish::Length)));
}

#[test]
fn who_goes_away_frees_the_slot_before_the_next_step() {
    let (scheduler, steps) = stepped(stub(1), Limits::default());
    let long = scheduler.submit(generation(&prompt(1, 5), 0, 200)).expect("room");
    let asked = generation(&prompt(2, 5), 1, 2);
    let mut next = scheduler.submit(asked.clone()).expect("room");
    assert_eq!(steps.let_pass(3), [1, 1, 1].map(|_| vec![0]), "one slot in each step");
    steps.wait();
    drop(long);
    // The step that is under way ends, then two for the two tokens of the next.
    steps.let_pass(3);
    assert_eq!(read(&mut next), Ok((expected(&asked), Finish::Length)));
    assert_eq!(scheduler.stats().cancelled, 1);
}

#[test]
fn a_slow_reader_stops_nobody_else() {
    let limits = Limits { buffered: 4, ..Limits::default() };
    let scheduler = start(stub(2), limits);
    let slow = generation(&prompt(1, 5), 0, 100);
    let mut behind = scheduler.submit(slow.clone()).expect("room");
    let quick = generation(&prompt(2, 5), 1, 100);
    assert_eq!(read(&mut scheduler.submit(quick.clone()).expect("room")), Ok((expected(&quick), Finish::Length)));
    // It has what it may have, room for the end apart; it goes on when it is read.
    eventually("the slow one pauses", || scheduler.stats().generated == 100 + 3);
    assert_eq!(scheduler.stats().running, 1);
    assert_eq!(read(&mut behind), Ok((expected(&slow), Finish::Length)));
}

#[test]
fn patience_ends() {
    let limits = Limits { buffered: 4, patience: Duration::from_millis(20), ..Limits::default() };
    let scheduler = start(stub(1), limits);
    let mut behind = scheduler.submit(generation(&prompt(1, 5), 0, 100)).expect("room");
    let asked = generation(&prompt(2, 5), 1, 3);
    let mut next = scheduler.submit(asked.clone()).expect("room");
    assert_eq!(read(&mut next), Ok((expected(&asked), Finish::Length)), "the slot goes to the next");
    assert_eq!(read(&mut behind), Err(GenerationError::Slow));
    assert_eq!((scheduler.stats().cancelled, scheduler.stats().running), (1, 0));
}

#[test]
fn prompts_do_not_hold_up_answers() {
    let (scheduler, steps) = stepped(stub(3), Limits { prefill: 16, ..Limits::default() });
    let mut answer = scheduler.submit(generation(&prompt(1, 5), 0, 30)).expect("room");
    let running = steps.let_pass(1)[0][0];
    steps.wait();
    let mut long: Vec<_> = (2..4).map(|n| scheduler.submit(generation(&prompt(n, 100), 0, 2)).expect("room")).collect();
    steps.let_pass(1);
    // 200 tokens, 16 a step, the older prompt first; the running answer is in every step.
    let passed = steps.let_pass(14);
    assert!(passed.iter().all(|slots| slots.contains(&running)), "{passed:?}");
    assert!(passed.iter().all(|slots| slots.len() <= 3), "{passed:?}");
    steps.let_all_pass();
    for events in &mut long {
        assert!(read(events).is_ok());
    }
    assert!(read(&mut answer).is_ok());
    assert_eq!(steps.most_tokens(), 16 + 2, "what a step may hold");
}

#[test]
fn many_readers_come_and_go() {
    let scheduler = start(stub(8), Limits { waiting: 200, buffered: 8, prefill: 32, ..Limits::default() });
    let readers: Vec<_> = (0..200u32)
        .map(|n| {
            let asked = generation(&prompt(n % 20, 3 + n as usize % 40), n as u8, 1 + n as usize % 50);
            let mut events = scheduler.submit(asked.clone()).expect("room");
            std::thread::spawn(move || {
                // A third reads all; the others leave before, within, or unread.
                let patience = if n.is_multiple_of(3) { usize::MAX } else { n as usize % 17 };
                let mut ids = Vec::new();
                while ids.len() < patience {
                    match events.blocking_recv() {
                        Some(Ok(Event::Token { token, .. })) => ids.push(token.id),
                        Some(Ok(Event::End(_))) => break,
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(ids, expected(&asked)[..ids.len()], "reader {n}");
                assert!(!n.is_multiple_of(3) || ids.len() == asked.max_tokens);
            })
        })
        .collect();
    for reader in readers {
        reader.join().expect("the right tokens");
    }
    eventually("all slots are free", || scheduler.stats().running == 0 && scheduler.stats().waiting == 0);
    let asked = generation(&prompt(7, 30), 9, 30);
    assert_eq!(read(&mut scheduler.submit(asked.clone()).expect("room")), Ok((expected(&asked), Finish::Length)));
    assert_eq!(scheduler.stats().failed, 0);
}

#[test]
fn a_decoder_that_fails_fails_its_requests_only() {
    for fault in [Fault::Error, Fault::Panic, Fault::Fewer, Fault::NotANumber] {
        let faults = Arc::new(Mutex::new(None));
        let decoder = Faulty { stub: stub(2), fault: Arc::clone(&faults) };
        let scheduler = start(decoder, Limits { prefill: 4, ..Limits::default() });
        let asked = generation(&prompt(1, 20), 0, 20);
        assert_eq!(read(&mut scheduler.submit(asked.clone()).expect("room")), Ok((expected(&asked), Finish::Length)));

        *faults.lock().expect("no panic holds it") = Some(fault);
        let failed = read(&mut scheduler.submit(generation(&prompt(2, 20), 0, 20)).expect("room"));
        let Err(GenerationError::Failed(text)) = failed else { panic!("{failed:?}") };
        assert!(text.contains(fault.text()), "{text}");
        assert_eq!((scheduler.stats().failed, scheduler.stats().running), (1, 0));

        // It lives on, and what it holds is what it says.
        assert_eq!(read(&mut scheduler.submit(asked.clone()).expect("room")), Ok((expected(&asked), Finish::Length)));
    }
}

#[test]
fn a_decoder_that_cannot_be_emptied_is_given_up() {
    let faults = Arc::new(Mutex::new(Some(Fault::Broken)));
    let scheduler = start(Faulty { stub: stub(1), fault: faults }, Limits::default());
    let mut events = scheduler.submit(generation(&prompt(1, 5), 0, 5)).expect("room");
    assert!(matches!(read(&mut events), Err(GenerationError::Failed(_))));
    scheduler.join();
    let refused = scheduler.submit(generation(&prompt(1, 5), 0, 5));
    assert_eq!(refused.expect_err("closed"), GenerationError::Closed);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Error,
    Panic,
    Fewer,
    NotANumber,
    Broken,
}

impl Fault {
    const fn text(self) -> &'static str {
        match self {
            Self::Error => "99 tokens",
            Self::Panic | Self::Broken => "panicked: a device is gone",
            Self::Fewer => "0 outputs for 1 segments",
            Self::NotANumber => "the logit of token 5 is NaN",
        }
    }
}

/// A decoder that fails once, or for good.
struct Faulty {
    stub: Stub,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Decoder for Faulty {
    fn info(&self) -> &ModelInfo {
        self.stub.info()
    }
    fn slots(&self) -> usize {
        self.stub.slots()
    }
    fn length(&self, slot: usize) -> usize {
        self.stub.length(slot)
    }
    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        let fault = self.fault.lock().expect("no panic holds it").as_ref().copied();
        // Within the answer, so that something is cached.
        let Some(fault) = fault.filter(|fault| *fault == Fault::Broken || self.stub.length(batch[0].slot) > 22) else {
            return self.stub.forward(batch);
        };
        if fault != Fault::Broken {
            *self.fault.lock().expect("no panic holds it") = None;
        }
        match fault {
            Fault::Error => Err(ModelError::Context { tokens: 99, context: 9 }),
            Fault::Fewer => Ok(Vec::new()),
            Fault::NotANumber => {
                let mut outputs = self.stub.forward(batch)?;
                outputs[0].logits[5] = f32::NAN;
                Ok(outputs)
            }
            Fault::Panic | Fault::Broken => {
                // Its caches are in no state that it could tell.
                self.stub.forward(&batch[..1])?;
                panic!("a device is gone")
            }
        }
    }
    fn truncate(&mut self, slot: usize, length: usize) {
        let broken = *self.fault.lock().expect("no panic holds it") == Some(Fault::Broken);
        assert!(!broken || self.stub.length(slot) == 0, "a device is still gone");
        self.stub.truncate(slot, length);
    }
    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        self.stub.share_prefix(from, to, length)
    }
}

/// A decoder whose passes wait to be let through, and a handle that lets them.
fn stepped(stub: Stub, limits: Limits) -> (Scheduler, Steps) {
    let (begun, begins) = channel();
    let (pass, passes) = channel();
    (start(Stepped { stub, begun, passes, free: false }, limits), Steps { begins, pass, seen: Mutex::default() })
}

struct Stepped {
    stub: Stub,
    begun: Sender<Vec<(usize, usize)>>,
    passes: Receiver<bool>,
    free: bool,
}

struct Steps {
    begins: Receiver<Vec<(usize, usize)>>,
    pass: Sender<bool>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// A pass that has begun and was waited for, but not let through.
    begun: Option<Vec<usize>>,
    most: usize,
}

impl Steps {
    /// Waits until a pass has begun.
    fn wait(&self) {
        let mut seen = self.seen.lock().expect("one thread");
        if seen.begun.is_none() {
            let parts = self.begins.recv_timeout(Duration::from_secs(30)).expect("a pass");
            seen.most = seen.most.max(parts.iter().map(|(_, tokens)| tokens).sum());
            seen.begun = Some(parts.into_iter().map(|(slot, _)| slot).collect());
        }
    }

    /// Lets so many passes through; the slots of each.
    fn let_pass(&self, passes: usize) -> Vec<Vec<usize>> {
        (0..passes)
            .map(|_| {
                self.wait();
                self.pass.send(false).expect("the decoder is there");
                self.seen.lock().expect("one thread").begun.take().expect("waited for")
            })
            .collect()
    }

    /// Lets all others through.
    fn let_all_pass(&self) {
        self.pass.send(true).expect("the decoder is there");
    }

    /// The largest pass, when all are done.
    fn most_tokens(&self) -> usize {
        let rest = self.begins.try_iter().map(|parts| parts.iter().map(|(_, tokens)| tokens).sum()).max();
        self.seen.lock().expect("one thread").most.max(rest.unwrap_or(0))
    }
}

impl Decoder for Stepped {
    fn info(&self) -> &ModelInfo {
        self.stub.info()
    }
    fn slots(&self) -> usize {
        self.stub.slots()
    }
    fn length(&self, slot: usize) -> usize {
        self.stub.length(slot)
    }
    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<Vec<Output>, ModelError> {
        drop(self.begun.send(batch.iter().map(|segment| (segment.slot, segment.ids.len())).collect()));
        if !self.free {
            self.free = self.passes.recv().unwrap_or(true);
        }
        self.stub.forward(batch)
    }
    fn truncate(&mut self, slot: usize, length: usize) {
        self.stub.truncate(slot, length);
    }
    fn share_prefix(&mut self, from: usize, to: usize, length: usize) -> Result<(), ModelError> {
        self.stub.share_prefix(from, to, length)
    }
}
