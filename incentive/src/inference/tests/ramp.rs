//! The load that is found, and what an engine earns behind one hotkey and behind several.

use super::engine::{Engine, Load};
use super::*;

const STEP_US: u64 = 2_000_000;
const HOLD_US: u64 = 20_000_000;
const STREAMS_MAX: u32 = 256;

const ENGINES: [Engine; 6] = [
    // A GPU: 170 streams would be the deadline's limit.
    Engine { slots: 1024, base_us: 10_000, each_us: 150, prompt_us: 2_000 },
    // Queues everything over 24 streams.
    Engine { slots: 24, base_us: 12_000, each_us: 300, prompt_us: 5_000 },
    // No gain from batching: a CPU.
    Engine { slots: 64, base_us: 100, each_us: 3_000, prompt_us: 20_000 },
    // Saturates slowly.
    Engine { slots: 1024, base_us: 3_000, each_us: 500, prompt_us: 1_000 },
    // Batching is free up to a hard end between powers of two.
    Engine { slots: 50, base_us: 30_000, each_us: 10, prompt_us: 500 },
    // Three streams, each just fast enough.
    Engine { slots: 3, base_us: 35_000, each_us: 500, prompt_us: 10_000 },
];

/// What all hotkeys earn together, and the levels they were held at.
fn earned(engine: Engine, hotkeys: usize) -> (u64, Vec<u32>) {
    let mut ramps = vec![Ramp::new(STREAMS_MAX); hotkeys];
    let mut load = Load::new(engine, hotkeys);
    while !ramps.iter().all(Ramp::held) {
        let levels: Vec<u32> = ramps.iter().map(Ramp::level).collect();
        let goodput = load.step(&levels, STEP_US);
        ramps.iter_mut().zip(goodput).for_each(|(ramp, goodput)| ramp.step(goodput));
    }
    load.cut();
    let held: Vec<u32> = ramps.iter().map(Ramp::best).collect();
    let credits = load.step(&held, HOLD_US);
    (credits.iter().map(|&credits| score(credits, (HOLD_US / 1000) as u32, ONE).get()).sum(), held)
}

#[test]
fn one_engine_behind_several_hotkeys_earns_what_it_earns_behind_one() {
    for engine in ENGINES {
        let (alone, level) = earned(engine, 1);
        for hotkeys in [2, 3, 4, 7] {
            let (together, levels) = earned(engine, hotkeys);
            println!("{engine:?}: 1: {alone} at {level:?}; {hotkeys}: {together} at {levels:?} = {:.4}", together as f64 / alone as f64);
            assert!(together * 100 <= alone * 102, "{engine:?}, {hotkeys} hotkeys");
        }
    }
}
