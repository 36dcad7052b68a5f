//! What a validator believes of its probes is what a miner reads from their bytes.

use std::sync::Arc;

use miner::inference::backend;
use miner::inference::openai::Fields;
use miner::inference::openai::request::{Asked, Form};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use validator::inference::traffic::{self, BUILT_IN, Prompt, Traffic, as_organic};

fn form(path: &str) -> Form {
    if path == "/v1/completions" { Form::Text } else { Form::Chat }
}

#[test]
fn a_miner_reads_of_a_probe_what_the_validator_checks_it_by() {
    let asked = traffic::Asked { id: "tiny".into(), context: 8192, answer_tokens: 128, fingerprint: true };
    let source = Arc::new(Traffic::built_in().unwrap()).asking(asked).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..1500 {
        let probe = source.draw(&mut rng);
        let text = String::from_utf8_lossy(&probe.body);
        let read = Asked::read(form(probe.path), &Fields::parse(&probe.body).unwrap()).expect(&text);
        let assay = read.assay.unwrap();
        assert!(read.stream && assay.token_ids && assay.fingerprint == probe.fingerprint, "{text}");
        assert_eq!((read.model.as_str(), read.choices, read.prompts.len()), ("tiny", 1, 1), "{text}");
        assert_eq!((read.how.params(), read.how.nonce), (probe.params, probe.nonce), "{text}");
        assert_eq!(read.how.max_tokens, probe.max_tokens.map(|most| most as usize), "{text}");
        assert_eq!(read.how.logprobs, probe.alternatives.map(|count| count as usize), "{text}");
        assert_eq!(read.how.stop, probe.stop, "{text}");
        assert!(!read.how.ignore_eos);
        let same = match (&read.prompts[0], &probe.prompt) {
            (backend::Prompt::Chat(read), Prompt::Chat(ours)) => read == ours,
            (backend::Prompt::Text(read), Prompt::Text(ours)) => read == ours,
            _ => false,
        };
        assert!(same, "{text}");
    }
}

#[test]
fn a_miner_takes_every_request_that_a_checking_gateway_passes_on() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for line in BUILT_IN.lines() {
        let body = as_organic(line, "tiny", true, &mut rng).unwrap();
        let path = if line.contains("\"prompt\"") { "/v1/completions" } else { "/v1/chat/completions" };
        Asked::read(form(path), &Fields::parse(&body).unwrap()).expect(line);
    }
}
