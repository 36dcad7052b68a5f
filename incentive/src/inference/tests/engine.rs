//! An engine that serves several hotkeys: continuous batching as a queue, without chance.

use std::collections::VecDeque;

use super::*;

/// A step gives every running answer one token and takes `base_us + running · each_us`, and `prompt_us` for each answer
/// that begins with it. At most `slots` run; the others wait in the order in which they were asked, or are refused and
/// asked again.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    pub slots: usize,
    pub base_us: u64,
    pub each_us: u64,
    pub prompt_us: u64,
    pub refuses: bool,
}

struct Stream {
    hotkey: usize,
    asked_us: u64,
    arrivals_us: Vec<u64>,
}

/// The validator's side of it: as many answers asked for at once as the ramps say, and what they are worth.
pub struct Load {
    engine: Engine,
    now_us: u64,
    waiting: VecDeque<Stream>,
    running: Vec<Stream>,
    done: Vec<Stream>,
    outstanding: Vec<u32>,
}

impl Load {
    pub fn new(engine: Engine, hotkeys: usize) -> Self {
        Self {
            engine,
            now_us: 0,
            waiting: VecDeque::new(),
            running: Vec::new(),
            done: Vec::new(),
            outstanding: vec![0; hotkeys],
        }
    }

    /// Cuts all answers off and begins anew: credits of each hotkey in the next `time_us`, with so many answers of
    /// `TOKENS` at once.
    pub fn step(&mut self, levels: &[u32], time_us: u64) -> Vec<u64> {
        let until = self.now_us + time_us;
        (self.waiting, self.running, self.done) = Default::default();
        self.outstanding.fill(0);
        while self.now_us < until {
            self.ask(levels);
            self.decode();
        }
        let mut goodput = vec![0; levels.len()];
        for stream in self.done.iter().chain(&self.running) {
            goodput[stream.hotkey] += credit(&model(), 0, &stream.arrivals_us, TOKENS, until - stream.asked_us);
        }
        goodput
    }

    fn ask(&mut self, levels: &[u32]) {
        // One for each in turn, as requests arrive.
        while let Some((hotkey, _)) = (0..levels.len())
            .map(|hotkey| (hotkey, self.outstanding[hotkey]))
            .filter(|&(h, out)| out < levels[h])
            .min_by_key(|&(_, out)| out)
        {
            self.outstanding[hotkey] += 1;
            self.waiting.push_back(Stream { hotkey, asked_us: self.now_us, arrivals_us: Vec::new() });
        }
    }

    fn decode(&mut self) {
        let begin = self.waiting.len().min(self.engine.slots - self.running.len());
        self.running.extend(self.waiting.drain(..begin));
        if self.engine.refuses {
            self.waiting.iter_mut().for_each(|stream| stream.asked_us = self.now_us);
        }
        let Engine { base_us, each_us, prompt_us, .. } = self.engine;
        self.now_us += base_us + each_us * self.running.len() as u64 + prompt_us * begin as u64;
        for stream in &mut self.running {
            stream.arrivals_us.push(self.now_us - stream.asked_us);
        }
        for stream in self.running.extract_if(.., |stream| stream.arrivals_us.len() == TOKENS as usize) {
            self.outstanding[stream.hotkey] -= 1;
            self.done.push(stream);
        }
    }
}
