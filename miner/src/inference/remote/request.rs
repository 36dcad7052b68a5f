//! What is sent. Every parameter that bears on tokens is named: vLLM and SGLang fill those that are missing from the model's
//! `generation_config.json`, llama.cpp from defaults that are not neutral (top_k 40, top_p 0.95, min_p 0.05).

use serde_json::{Map, Value, json};

use super::capabilities::{Capabilities, Dialect};
use super::chunk::Shape;
use crate::inference::backend::{Completion, Prompt};

/// Seeded sampling of one answer.
#[derive(Clone, Debug)]
pub(super) struct Seeded<'a> {
    pub seed: [u8; 32],
    /// The processor that SGLang takes with the request.
    pub processor: Option<&'a str>,
}

/// What is asked, independent of the server.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub model: &'a str,
    pub completion: &'a Completion,
    /// The prompt's ids, where they are known.
    pub ids: Option<&'a [u32]>,
    pub max_tokens: Option<usize>,
    pub seeded: Option<Seeded<'a>>,
}

/// Path, body, and the shape of what comes back.
pub(super) fn completion(capabilities: &Capabilities, ask: &Ask<'_>) -> (&'static str, Value, Shape) {
    let (path, shape) = match (capabilities.dialect, ask.ids, &ask.completion.prompt) {
        (Dialect::LlamaCpp, _, _) => ("/completion", Shape::Native),
        (_, None, Prompt::Chat(_)) => ("/v1/chat/completions", Shape::Chat),
        (_, _, _) => ("/v1/completions", Shape::Completions),
    };
    let mut body = Map::new();
    body.insert("model".into(), ask.model.into());
    body.insert("stream".into(), true.into());
    match (ask.ids, &ask.completion.prompt) {
        (Some(ids), _) => body.insert("prompt".into(), json!(ids)),
        (None, Prompt::Tokens(ids)) => body.insert("prompt".into(), json!(ids)),
        (None, Prompt::Text(text)) => body.insert("prompt".into(), json!(text)),
        (None, Prompt::Chat(messages)) => body.insert("messages".into(), json!(messages)),
    };
    sampling(&mut body, ask);
    match capabilities.dialect {
        Dialect::LlamaCpp => native(&mut body, ask),
        dialect => openai(&mut body, ask, dialect, shape, capabilities.token_ids),
    }
    (path, Value::Object(body), shape)
}

/// What all of them call the same. With a seed the plugin does the sampling, and the server is left with its argmax.
fn sampling(body: &mut Map<String, Value>, ask: &Ask<'_>) {
    let Completion { temperature, top_p, presence_penalty, frequency_penalty, stop, .. } = ask.completion;
    let seeded = ask.seeded.is_some();
    let unless_seeded = |value: f32, neutral: f32| if seeded { number(neutral) } else { number(value) };
    body.insert("temperature".into(), unless_seeded(*temperature, 0.0));
    body.insert("top_p".into(), unless_seeded(*top_p, 1.0));
    body.insert("presence_penalty".into(), unless_seeded(*presence_penalty, 0.0));
    body.insert("frequency_penalty".into(), unless_seeded(*frequency_penalty, 0.0));
    if !stop.is_empty() {
        body.insert("stop".into(), json!(stop));
    }
}

fn openai(body: &mut Map<String, Value>, ask: &Ask<'_>, dialect: Dialect, shape: Shape, token_ids: bool) {
    let Completion { top_k, ignore_eos, logprobs, .. } = ask.completion;
    body.insert("stream_options".into(), json!({ "include_usage": true }));
    if let Some(most) = ask.max_tokens {
        body.insert("max_tokens".into(), most.into());
    }
    match (shape, logprobs) {
        (_, None) => {}
        (Shape::Chat, Some(top)) => {
            body.extend([("logprobs".into(), true.into()), ("top_logprobs".into(), (*top).into())])
        }
        (_, Some(top)) => body.extend([("logprobs".into(), (*top).into())]),
    }
    if token_ids {
        body.insert("return_token_ids".into(), true.into());
    }
    if *ignore_eos {
        body.insert("ignore_eos".into(), true.into());
    }
    if dialect == Dialect::OpenAi {
        return;
    }
    // Both take -1 for "all"; SGLang refuses 0.
    let all = *top_k == 0 || ask.seeded.is_some();
    body.insert("top_k".into(), if all { json!(-1) } else { json!(top_k) });
    body.insert("min_p".into(), json!(0.0));
    body.insert("repetition_penalty".into(), json!(1.0));
    if let Some(seeded) = &ask.seeded {
        body.extend(plugin(dialect, ask.completion, seeded));
    }
}

/// What the plugins of `contrib/` read.
fn plugin(dialect: Dialect, completion: &Completion, seeded: &Seeded<'_>) -> Map<String, Value> {
    let keys = json!({
        "assay_seed": hex::encode(seeded.seed),
        "assay_temperature": number(completion.temperature),
        "assay_top_k": completion.top_k,
        "assay_top_p": number(completion.top_p),
        "assay_presence_penalty": number(completion.presence_penalty),
        "assay_frequency_penalty": number(completion.frequency_penalty),
    });
    let mut fields = Map::new();
    match (dialect, seeded.processor) {
        (Dialect::Sglang, Some(processor)) => {
            fields.insert("custom_logit_processor".into(), processor.into());
            fields.insert("custom_params".into(), keys);
        }
        _ => _ = fields.insert("vllm_xargs".into(), keys),
    }
    fields
}

fn native(body: &mut Map<String, Value>, ask: &Ask<'_>) {
    let Completion { top_k, ignore_eos, logprobs, .. } = ask.completion;
    let fixed = json!({
        "n_predict": ask.max_tokens.map_or(json!(-1), Into::into),
        "top_k": top_k,
        "ignore_eos": ignore_eos,
        "return_tokens": true,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_penalty": 1.0,
        "dry_multiplier": 0.0,
        "xtc_probability": 0.0,
        "mirostat": 0,
        "samplers": ["penalties", "top_k", "top_p", "temperature"],
    });
    if let Value::Object(fixed) = fixed {
        body.extend(fixed);
    }
    if let Some(top) = logprobs {
        // 0 turns them off; the chosen token's comes with one alternative.
        body.insert("n_probs".into(), (*top).max(1).into());
    }
}

/// The shortest decimal that gives the f32 back: 0.7 is sent as 0.7 and not as 0.699999988079071.
fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion_of(prompt: Prompt) -> Completion {
        Completion {
            prompt,
            temperature: 0.7,
            top_k: 0,
            top_p: 0.9,
            presence_penalty: 0.5,
            frequency_penalty: 0.0,
            max_tokens: Some(5),
            stop: vec!["\n".into()],
            ignore_eos: true,
            logprobs: Some(0),
            fingerprint: false,
            caller: incentive::units::Hotkey([0; 32]),
            nonce: [0; 32],
        }
    }

    fn capabilities(dialect: Dialect) -> Capabilities {
        let token_ids = dialect != Dialect::OpenAi;
        Capabilities { dialect, context: 100, token_ids, prompt_ids: true, logprobs: true, greedy: true, seeded: true }
    }

    #[test]
    fn a_seed_goes_to_the_plugin_and_leaves_the_server_its_argmax() {
        let wanted = completion_of(Prompt::Text("x".into()));
        let seeded = |processor| Some(Seeded { seed: [0xab; 32], processor });
        let mut ask =
            Ask { model: "m", completion: &wanted, ids: Some(&[1, 2]), max_tokens: Some(5), seeded: seeded(None) };
        let (path, body, _) = completion(&capabilities(Dialect::Vllm), &ask);
        assert_eq!((path, &body["prompt"], &body["top_k"]), ("/v1/completions", &json!([1, 2]), &json!(-1)));
        assert_eq!(
            (&body["temperature"], &body["top_p"], &body["presence_penalty"]),
            (&json!(0.0), &json!(1.0), &json!(0.0))
        );
        let xargs = &body["vllm_xargs"];
        assert_eq!(xargs["assay_seed"], "ab".repeat(32));
        assert_eq!((&xargs["assay_temperature"], &xargs["assay_presence_penalty"]), (&json!(0.7), &json!(0.5)));
        ask.seeded = seeded(Some("{}"));
        let (_, body, _) = completion(&capabilities(Dialect::Sglang), &ask);
        assert_eq!((&body["custom_logit_processor"], &body["custom_params"]), (&json!("{}"), xargs));
        ask.seeded = None;
        let (_, body, _) = completion(&capabilities(Dialect::Vllm), &ask);
        assert_eq!((&body["temperature"], body.get("vllm_xargs")), (&json!(0.7), None));
    }

    #[test]
    fn each_server_gets_what_it_knows() {
        let chat = completion_of(Prompt::Chat(vec![json!({"role": "user", "content": "x"})]));
        let ask = Ask { model: "m", completion: &chat, ids: None, max_tokens: None, seeded: None };
        let (path, body, shape) = completion(&capabilities(Dialect::OpenAi), &ask);
        assert_eq!((path, shape), ("/v1/chat/completions", Shape::Chat));
        assert!(body.get("prompt").is_none() && body.get("max_tokens").is_none() && body.get("top_k").is_none());
        let ask = Ask { ids: Some(&[3]), max_tokens: Some(4), ..ask };
        let (path, body, shape) = completion(&capabilities(Dialect::LlamaCpp), &ask);
        assert_eq!((path, shape), ("/completion", Shape::Native));
        assert_eq!((&body["n_predict"], &body["n_probs"], &body["prompt"]), (&json!(4), &json!(1), &json!([3])));
        assert!(body.get("messages").is_none());
    }
}
