//! The load that is found, and what an engine earns behind one hotkey and behind several.

use super::engine::{Engine, Load};
use super::*;

const HOLD_MS: u32 = 20_000;
const STREAMS_MAX: u32 = 256;

/// Engines by what bounds them; `TOKENS` are due in three seconds.
const ENGINES: [Engine; 6] = [
    // The deadlines: a GPU with batches of 200.
    Engine { slots: 1024, base_us: 10_000, each_us: 150, prompt_us: 2_000, refuses: false },
    // A queue behind 24 streams.
    Engine { slots: 24, base_us: 12_000, each_us: 300, prompt_us: 5_000, refuses: false },
    // Arithmetic, without any gain from batches: a CPU.
    Engine { slots: 64, base_us: 100, each_us: 3_000, prompt_us: 20_000, refuses: false },
    // A slow saturation.
    Engine { slots: 1024, base_us: 3_000, each_us: 500, prompt_us: 1_000, refuses: false },
    // A hard end between powers of two, up to which each stream adds as much as the first.
    Engine { slots: 50, base_us: 30_000, each_us: 10, prompt_us: 500, refuses: false },
    // Three streams, each just fast enough.
    Engine { slots: 3, base_us: 35_000, each_us: 500, prompt_us: 10_000, refuses: false },
];

/// What all hotkeys of one engine earn together after a ramp of so many milliseconds.
fn earned(engine: Engine, hotkeys: usize, ramp_ms: u32) -> u64 {
    let mut ramps = vec![Ramp::new(STREAMS_MAX); hotkeys];
    let mut load = Load::new(engine, hotkeys);
    let step = step_ms(ramp_ms, STREAMS_MAX);
    for _ in 0..ramp_ms / step {
        let levels: Vec<u32> = ramps.iter().map(Ramp::level).collect();
        let goodput = load.step(&levels, u64::from(step) * 1000);
        ramps.iter_mut().zip(goodput).for_each(|(ramp, goodput)| ramp.step(goodput));
    }
    held(engine, &ramps.iter().map(Ramp::best).collect::<Vec<_>>())
}

fn held(engine: Engine, levels: &[u32]) -> u64 {
    let credits = Load::new(engine, levels.len()).step(levels, u64::from(HOLD_MS) * 1000);
    credits.iter().map(|&credits| score(credits, HOLD_MS, ONE).get()).sum()
}

/// The most that any number of hotkeys earns more than one does, as a factor.
fn gain(engine: Engine, ramp_ms: u32) -> f64 {
    let alone = earned(engine, 1, ramp_ms);
    let most = (2..=8).map(|hotkeys| earned(engine, hotkeys, ramp_ms)).max().unwrap();
    most as f64 / alone as f64
}

/// 18 steps, each long enough for an answer to become late.
const LONG_MS: u32 = 72_000;
/// Steps of a second.
const SHORT_MS: u32 = 18_000;

#[test]
fn one_engine_behind_several_hotkeys_earns_what_it_earns_behind_one() {
    for engine in ENGINES {
        let gain = gain(engine, LONG_MS);
        assert!(gain <= 1.02, "{engine:?}: {gain:.4}");
    }
}

#[test]
fn steps_too_short_to_see_overload_are_a_matter_of_chance() {
    // The negative control: the same engines with the same rule.
    let most = ENGINES.map(|engine| gain(engine, SHORT_MS)).into_iter().fold(0.0, f64::max);
    assert!(most > 1.2, "{most:.4}");
}

#[test]
fn engines_that_refuse_what_they_cannot_serve_in_time_need_shorter_steps() {
    for engine in ENGINES {
        let token_us = u64::from(model().token_us);
        let in_time = (token_us - engine.base_us) / (engine.each_us + engine.prompt_us / u64::from(TOKENS));
        let engine = Engine { slots: engine.slots.min(in_time as usize), refuses: true, ..engine };
        let gain = gain(engine, LONG_MS / 2);
        assert!(gain <= 1.02, "{engine:?}: {gain:.4}");
    }
}

#[test]
fn the_level_found_is_where_goodput_is_highest() {
    for engine in ENGINES {
        let highest = (1..=STREAMS_MAX).map(|level| held(engine, &[level])).max().unwrap();
        let found = earned(engine, 1, LONG_MS);
        assert!(found * 100 >= highest * 97, "{engine:?}: {found} of {highest}");
    }
}

#[test]
fn a_ramp_ends_whatever_it_is_told() {
    for max in [0, 1, 2, 3, 100, u32::MAX] {
        for seed in 0..200_u64 {
            let mut ramp = Ramp::new(max);
            for step in 0..200_u64 {
                assert!((1..=max.max(1)).contains(&ramp.level()) && (1..=max.max(1)).contains(&ramp.best()));
                ramp.step((seed + 1).wrapping_mul(step + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40);
            }
            assert!(ramp.held() && ramp.level() == ramp.best() && ramp.steps() <= 64, "{max} {ramp:?}");
        }
    }
    assert_eq!((step_ms(3_600, 256), step_ms(3_600, 1), step_ms(3_600, 0), step_ms(1, u32::MAX)), (200, 360, 360, 0));
}
