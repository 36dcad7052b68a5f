//! How many answers one hotkey is asked for at once.

/// The load on one hotkey, found by trying: doubled while goodput rises, then the best place between.
///
/// The rule is the same for all and starts anew in each window. It doubles until goodput (credits of a step) has failed
/// twice to rise by a sixteenth, so that one bad step does not end it; then it halves the wider of the two gaps between the
/// best level and its neighbours that were tried, until both are a thirty-second. So the level found hardly depends on how
/// many hotkeys an engine has: it is where the engine's own goodput is highest. See [`step_ms`] for what a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ramp {
    max: u32,
    level: u32,
    best: Tried,
    /// The levels next to the best that were tried; 0 and `None` where there are none.
    below: u32,
    above: Option<u32>,
    phase: Phase,
    steps: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tried {
    level: u32,
    goodput: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Steps in a row without a clear rise.
    Doubling {
        flat: u32,
    },
    Narrowing,
    Held,
}

impl Ramp {
    /// One stream, and never more than `max` (at least one).
    #[must_use]
    pub const fn new(max: u32) -> Self {
        Self::starting_at(1, max)
    }

    /// `start` streams (at least one), and never more than `max`.
    #[must_use]
    pub const fn starting_at(start: u32, max: u32) -> Self {
        let max = if max == 0 { 1 } else { max };
        let level = if start == 0 {
            1
        } else if start > max {
            max
        } else {
            start
        };
        Self {
            max,
            level,
            best: Tried { level, goodput: 0 },
            below: 0,
            above: None,
            phase: Phase::Doubling { flat: 0 },
            steps: 0,
        }
    }

    /// How many answers to ask for at once, now.
    #[must_use]
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// The level with the best goodput so far: what is held when the time of the ramp is over.
    #[must_use]
    pub const fn best(&self) -> u32 {
        self.best.level
    }

    /// Steps that were made.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether the level stays from now on.
    #[must_use]
    pub fn held(&self) -> bool {
        self.phase == Phase::Held
    }

    /// Ends a step: `goodput` is what arrived in it, in credits; all steps are equally long. Sets the level of the next.
    pub fn step(&mut self, goodput: u64) {
        if self.held() {
            return;
        }
        self.steps += 1;
        let (level, before) = (self.level, self.best.goodput);
        if goodput > before || self.steps == 1 {
            if level > self.best.level {
                self.below = self.above.filter(|&above| above < level).unwrap_or(self.best.level);
                self.above = self.above.filter(|&above| above > level);
            } else if level < self.best.level {
                self.above = Some(self.best.level);
            }
            self.best = Tried { level, goodput };
        } else if level > self.best.level {
            self.above = Some(self.above.map_or(level, |above| above.min(level)));
        } else {
            self.below = self.below.max(level);
        }
        if let Phase::Doubling { flat } = self.phase {
            let rises = goodput > before.saturating_add(before / 16);
            self.phase = Phase::Doubling { flat: if rises { 0 } else { flat + 1 } };
            if (rises || flat == 0) && level < self.max {
                self.level = level.saturating_mul(2).min(self.max);
                return;
            }
            self.phase = Phase::Narrowing;
        }
        self.narrow();
    }

    fn narrow(&mut self) {
        let best = self.best.level;
        let over = self.above.map_or(0, |above| above - best);
        let under = best - self.below;
        let fine = (best / 32).max(1);
        if over > fine && over >= under {
            self.level = best + over / 2;
        } else if under > fine {
            self.level = best - under / 2;
        } else {
            (self.level, self.phase) = (best, Phase::Held);
        }
    }
}

/// Milliseconds of one step of a ramp of `ramp_ms` up to `max` streams: as many steps as the doublings take, and ten.
///
/// Each step begins anew, with all answers of the last one cut off, as the time that is paid does. Only steps in which an
/// answer can become late show overload: `ramp_ms` should give each the time in which an answer is due. Where miners
/// refuse what they cannot serve in time, shorter ones do.
#[must_use]
pub const fn step_ms(ramp_ms: u32, max: u32) -> u32 {
    let doublings = if max <= 1 { 0 } else { (max - 1).ilog2() + 1 };
    ramp_ms / (doublings + 10)
}

/// A validator's part of the `streams_max` answers that all together ask one hotkey for at once: by stake, rounded down,
/// and at least one, or it could not measure.
#[must_use]
pub fn share(streams_max: u32, own_stake: u64, all_stake: u64) -> u32 {
    let part = u128::from(streams_max) * u128::from(own_stake.min(all_stake));
    let part = part.checked_div(u128::from(all_stake)).unwrap_or(0);
    u32::try_from(part).unwrap_or(streams_max).max(1)
}
