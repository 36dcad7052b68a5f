//! How long it takes to check an answer, beside how long it takes to give it: one prefill against one step for each token,
//! of the same model on the same machine, in turn.
//!
//!     cargo run --release -p benches --no-default-features --bin check [-- MIB RUNS]

use std::time::Instant;

use anyhow::Context;
use benches::machine;
use engine::LoadOptions;
use engine::check::{Claim, check};
use engine::generation::Sampling;
use engine::model::{Decoder, Precision, Segment, Want};
use engine::sampler::{Row, choose};
use engine::synthetic::{self, Recipe};

/// Tokens of an answer.
const ANSWER: usize = 256;
const PROMPTS: [usize; 2] = [32, 512];
/// Answers that are decoded together, and tokens of the short claims that are checked together.
const TOGETHER: usize = 8;
const SHORT: usize = 96;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse()).context("a number");
    let (mib, runs) = (number(512)?, number(5)? as usize);
    println!("machine: {}", machine());
    println!("command: cargo run --release -p benches --no-default-features --bin check -- {mib} {runs}");
    let path = std::env::temp_dir().join(format!("assay-bench-check-{}", std::process::id()));
    let recipe = Recipe { seed: 0, precision: synthetic::Precision::F32 };
    synthetic::large(&path, recipe, mib << 20, &mut |_| {})?;
    let measured = [Precision::F32, Precision::Bf16, Precision::Q8_0]
        .into_iter()
        .try_for_each(|precision| measure(&path, precision, runs));
    std::fs::remove_dir_all(&path)?;
    measured
}

fn measure(path: &std::path::Path, precision: Precision, runs: usize) -> anyhow::Result<()> {
    let context = Some(PROMPTS[1] + ANSWER);
    let options = LoadOptions { precision: Some(precision), slots: TOGETHER, context, ..LoadOptions::default() };
    let mut decoder = engine::load(path, &options)?.decoder;
    println!(
        "\n{precision}, {} million weights; median of {runs} runs\n\
         prompt  answer  given alone s  {TOGETHER} together s each  checked s  checked/alone  margin 0",
        decoder.info().parameters / 1_000_000
    );
    for length in PROMPTS {
        let sampling = Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: [1; 32],
        };
        let prompt: Vec<u32> = (0..length as u32).map(|at| (at * at * 31 + at) % 1000).collect();
        let (mut alone, mut together, mut checked, mut right) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..runs {
            let (seconds, answer) = give(&mut *decoder, 1, &prompt, &sampling)?;
            alone.push(seconds);
            together.push(give(&mut *decoder, TOGETHER, &prompt, &sampling)?.0 / TOGETHER as f64);
            let claim = Claim { prompt: &prompt, answer: &answer, sampling: &sampling, stop: &[], hidden: false };
            let begin = Instant::now();
            let found = check(&mut *decoder, 0, &claim)?;
            checked.push(begin.elapsed().as_secs_f64());
            right = found.tokens.iter().filter(|token| token.margin == Some(0.0)).count();
        }
        let [alone, together, checked] = [alone, together, checked].map(median);
        println!(
            "{length:<6}  {ANSWER:<6}  {alone:<13.3}  {together:<17.3}  {checked:<9.3}  {:<13.3}  {right}",
            checked / alone
        );
    }
    let (one, all) = short(&mut *decoder, runs)?;
    println!("{TOGETHER} sequences of {SHORT} tokens: one after the other {one:.3} s, in one pass {all:.3} s");
    Ok(())
}

/// Seconds for answers of `count` slots to the same prompt, and the first of them.
fn give(
    decoder: &mut dyn Decoder,
    count: usize,
    prompt: &[u32],
    sampling: &Sampling,
) -> anyhow::Result<(f64, Vec<u32>)> {
    (0..TOGETHER).for_each(|slot| decoder.truncate(slot, 0));
    let begin = Instant::now();
    let mut sequences = vec![prompt.to_vec(); count];
    let mut fed = 0;
    for _ in 0..ANSWER {
        let segments = sequences.iter().enumerate();
        let batch: Vec<_> = segments.map(|(slot, ids)| Segment { slot, ids: &ids[fed..], want: Want::Last }).collect();
        let outputs = decoder.forward(&batch)?;
        fed = sequences[0].len();
        for (slot, (sequence, output)) in sequences.iter_mut().zip(&outputs).enumerate() {
            let mut sampling = sampling.clone();
            sampling.seed[31] = 1 + slot as u8;
            sequence.push(choose(&Row::new(&output.logits, &sequence[prompt.len()..], fed as u64), &sampling)?.id);
        }
    }
    Ok((begin.elapsed().as_secs_f64(), sequences.swap_remove(0).split_off(prompt.len())))
}

/// Seconds for short sequences one after the other, and in one pass.
fn short(decoder: &mut dyn Decoder, runs: usize) -> anyhow::Result<(f64, f64)> {
    let ids: Vec<u32> = (0..SHORT as u32).collect();
    let batch: Vec<_> = (0..TOGETHER).map(|slot| Segment { slot, ids: &ids, want: Want::All }).collect();
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        for (parts, seconds) in [(1, &mut one), (TOGETHER, &mut all)] {
            (0..TOGETHER).for_each(|slot| decoder.truncate(slot, 0));
            let begin = Instant::now();
            for batch in batch.chunks(parts) {
                decoder.forward(batch)?;
            }
            seconds.push(begin.elapsed().as_secs_f64());
        }
    }
    Ok((median(one), median(all)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
