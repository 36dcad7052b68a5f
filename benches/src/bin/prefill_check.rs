//! How many answers a validator computes again in an hour, for models of usual shapes with random weights.
//!
//!     cargo run --release -p benches --no-default-features --bin prefill_check [-- SECONDS [PROMPT [ANSWER]]]
//!
//! The 8B shape is measured with 2 and with 6 of its 32 layers, and what a layer takes is added up: all of it does not fit
//! a small machine beside other work. Processor time (Linux) says what a machine without other work would take.

use std::time::{Duration, Instant};

use anyhow::Context;
use benches::machine;
use engine::check::speed;
use engine::model::{Config, LoadOptions, Precision, Scaling, random};

struct Shape {
    name: &'static str,
    config: Config,
    precisions: &'static [Precision],
    /// Layers to measure with; all where there are none.
    part: Option<(usize, usize)>,
}

/// What is measured: tokens of the prompt and the answer, and for how long.
struct Case {
    prompt: usize,
    answer: usize,
    time: Duration,
}

fn main() -> anyhow::Result<()> {
    let number = |place: usize, default: u32| -> anyhow::Result<u32> {
        let given = std::env::args().nth(place).map(|text| text.parse());
        Ok(given.transpose().context("arguments are numbers")?.unwrap_or(default))
    };
    let (seconds, prompt, answer) = (number(1, 20)?, number(2, 256)?, number(3, 256)?);
    println!("machine: {}", machine());
    println!("prompts of {prompt} tokens, answers of {answer}, {seconds} s for each");
    println!("model          precision  layers measured  tokens/s  s per answer  processor s  answers per hour");
    let case = Case { prompt: prompt as usize, answer: answer as usize, time: Duration::from_secs(seconds.into()) };
    for shape in shapes() {
        for precision in shape.precisions {
            measure(&shape, *precision, &case)?;
        }
    }
    Ok(())
}

fn measure(shape: &Shape, precision: Precision, case: &Case) -> anyhow::Result<()> {
    let layers = shape.config.windows.len();
    let (spent, measured) = match shape.part {
        None => (of_layers(shape, layers, precision, case)?, layers.to_string()),
        Some((few, more)) => {
            let (short, long) = (of_layers(shape, few, precision, case)?, of_layers(shape, more, precision, case)?);
            let all = |short, long| short + (long - short) / (more - few) as f64 * (layers - few) as f64;
            let spent = Spent { wall: all(short.wall, long.wall), processor: all(short.processor, long.processor) };
            (spent, format!("{few} and {more} of {layers}"))
        }
    };
    println!(
        "{:<13}  {:<9}  {measured:<15}  {:<8.1}  {:<12.2}  {:<11.2}  {:.0}",
        shape.name,
        precision.to_string(),
        (case.prompt + case.answer) as f64 / spent.wall,
        spent.wall,
        spent.processor,
        3_600.0 / spent.wall,
    );
    Ok(())
}

/// Seconds of one check.
#[derive(Clone, Copy)]
struct Spent {
    wall: f64,
    processor: f64,
}

/// What one check takes with so many layers.
fn of_layers(shape: &Shape, layers: usize, precision: Precision, case: &Case) -> anyhow::Result<Spent> {
    let config = Config { windows: vec![None; layers], ..shape.config.clone() };
    let context = Some(case.prompt + case.answer);
    let options = LoadOptions { precision: Some(precision), context, ..LoadOptions::default() };
    let mut decoder = random(&config, 1, &options)?;
    // Caches are warm after the first.
    speed(decoder.as_mut(), case.prompt, case.answer, Duration::ZERO)?;
    let (begin, before) = (Instant::now(), processor_seconds());
    let mut answers = 0;
    while begin.elapsed() < case.time {
        answers += speed(decoder.as_mut(), case.prompt, case.answer, Duration::ZERO)?.answers;
    }
    let each = |seconds: f64| seconds / f64::from(answers.max(1));
    Ok(Spent { wall: each(begin.elapsed().as_secs_f64()), processor: each(processor_seconds() - before) })
}

/// What this process has used of all processors; 0 where `/proc` does not say. The kernel counts in hundredths.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Dimensions of the published `config.json` of Qwen2.5-0.5B, Qwen2.5-1.5B and Llama-3.1-8B.
fn shapes() -> [Shape; 3] {
    use Precision::{Bf16, F32, Q8_0};
    let qwen = |hidden, intermediate, layers, heads| Config {
        architecture: "qwen2".to_owned(),
        vocabulary: 151_936,
        hidden,
        intermediate,
        windows: vec![None; layers],
        heads,
        key_heads: 2,
        head: hidden / heads,
        epsilon: 1e-6,
        theta: 1e6,
        scaling: Scaling::None,
        tied: true,
        query_bias: true,
        output_bias: false,
        mlp_bias: false,
        head_norm: false,
        positions: 32_768,
    };
    let llama = Config {
        architecture: "llama".to_owned(),
        vocabulary: 128_256,
        intermediate: 14_336,
        windows: vec![None; 32],
        key_heads: 8,
        epsilon: 1e-5,
        theta: 5e5,
        tied: false,
        query_bias: false,
        positions: 131_072,
        ..qwen(4096, 0, 0, 32)
    };
    [
        Shape { name: "0.5B", config: qwen(896, 4864, 24, 14), precisions: &[F32, Bf16, Q8_0], part: None },
        Shape { name: "1.5B", config: qwen(1536, 8960, 28, 12), precisions: &[Bf16, Q8_0], part: None },
        Shape { name: "8B", config: llama, precisions: &[Bf16, Q8_0], part: Some((2, 6)) },
    ]
}
