//! Tokens in a second: prefill of one sequence, and decoding of 1, 2, 4 and 8 sequences at once.
//!
//!     cargo bench -p engine --bench decode -- MODEL [PRECISION] [PROMPT] [STEPS]
//!     cargo bench -p engine --bench decode -- 0.5B|1B [PRECISION] [PROMPT] [STEPS]    random weights
//!     cargo bench -p engine --bench decode -- write 0.5B|1B FOLDER                    writes them
//!
//! MODEL is a folder in the Hugging Face layout or a GGUF file, PRECISION `stored` (the default) or f32, bf16, f16, q8_0,
//! q4_k. Prefill runs three times and decoding for STEPS steps; the best of the first and the median of the second count,
//! so that a busy machine disturbs little. Ends with one line of JSON.

use std::path::Path;
use std::time::Instant;

use engine::model::{Config, Decoder, LoadOptions, Precision, Segment, Want, load, random, write_random};
use serde_json::json;

const BATCHES: [usize; 4] = [1, 2, 4, 8];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    if argument(0) == Some("write") {
        let config = shape(argument(1).unwrap_or("0.5B")).expect("0.5B or 1B");
        write_random(&config, 1, Path::new(argument(2).expect("a folder"))).expect("it can be written");
        return;
    }
    let Some(model) = argument(0) else { return println!("skipped: name a model, or a size such as 0.5B") };
    let precision =
        argument(1).filter(|name| *name != "stored").map(|name| name.parse::<Precision>().expect("a precision"));
    let number = |index: usize, default: usize| argument(index).map_or(default, |n| n.parse().expect("a number"));
    let (prompt, steps) = (number(2, 256), number(3, 32));
    let options = LoadOptions { precision, slots: 8, context: Some(prompt + 4 * steps + 64), ..LoadOptions::default() };
    let start = Instant::now();
    let mut decoder = shape(model).map_or_else(
        || load(Path::new(model), &options).expect("it loads").decoder,
        |config| random(&config, 1, &options).expect("it fits"),
    );
    let loading = start.elapsed().as_secs_f64();
    let info = decoder.info();
    println!(
        "{model}: {} of {} parameters in {}, loaded in {loading:.1} s",
        info.architecture, info.parameters, info.precision
    );
    let prefill = prefill(&mut *decoder, prompt);
    println!("prefill of {prompt:4}  {prefill:9.1} tokens/s");
    let decode = BATCHES.map(|batch| decode(&mut *decoder, batch, steps));
    for (batch, rate) in BATCHES.iter().zip(decode) {
        println!("decode, batch {batch}  {rate:9.2} tokens/s, {:.2} times batch 1", rate / decode[0]);
    }
    let info = decoder.info();
    let line = json!({
        "model": model, "parameters": info.parameters, "precision": info.precision, "prompt": prompt, "steps": steps,
        "load_s": loading, "prefill_tokens_s": prefill, "batches": BATCHES, "decode_tokens_s": decode,
    });
    println!("{line}");
}

/// Shapes between those of published models; every row is a whole number of blocks.
fn shape(size: &str) -> Option<Config> {
    let (hidden, intermediate, layers, heads) = match size {
        "0.5B" => (1024, 4096, 28, 16),
        "1B" => (2048, 8192, 16, 32),
        _ => return None,
    };
    let json = json!({
        "model_type": "llama", "vocab_size": 32000, "hidden_size": hidden, "intermediate_size": intermediate,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": 8, "head_dim": 64,
        "max_position_embeddings": 4096, "rope_theta": 500_000.0, "rms_norm_eps": 1e-5, "tie_word_embeddings": true,
    });
    Some(Config::from_json(&json).expect("the shape is sound"))
}

fn ids(length: usize, vocabulary: usize) -> Vec<u32> {
    (0..length).map(|index| (index * 7919 % vocabulary) as u32).collect()
}

fn prefill(decoder: &mut dyn Decoder, prompt: usize) -> f64 {
    let ids = ids(prompt, decoder.info().vocabulary);
    let times = (0..3).map(|_| {
        decoder.truncate(0, 0);
        let start = Instant::now();
        decoder.forward(&[Segment { slot: 0, ids: &ids, want: Want::Last }]).expect("it runs");
        start.elapsed().as_secs_f64()
    });
    prompt as f64 / times.fold(f64::INFINITY, f64::min)
}

/// All slots begin with 32 tokens; each takes its most likely token.
fn decode(decoder: &mut dyn Decoder, batch: usize, steps: usize) -> f64 {
    let ids = ids(32, decoder.info().vocabulary);
    for slot in 0..batch {
        decoder.truncate(slot, 0);
        decoder.forward(&[Segment { slot, ids: &ids, want: Want::Nothing }]).expect("it runs");
    }
    let mut next = vec![[1_u32]; batch];
    let mut times = Vec::new();
    for _ in 0..steps {
        let segments: Vec<_> =
            next.iter().enumerate().map(|(slot, ids)| Segment { slot, ids, want: Want::Last }).collect();
        let start = Instant::now();
        let outputs = decoder.forward(&segments).expect("it runs");
        times.push(start.elapsed().as_secs_f64());
        for (next, output) in next.iter_mut().zip(outputs) {
            let best = (0..output.logits.len()).max_by(|a, b| output.logits[*a].total_cmp(&output.logits[*b]));
            next[0] = best.expect("a vocabulary is not empty") as u32;
        }
    }
    times.sort_by(f64::total_cmp);
    batch as f64 / times[times.len() / 2]
}
