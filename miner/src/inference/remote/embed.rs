//! Vectors, by `/v1/embeddings`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Failure, Http};
use crate::inference::backend::{BackendError, Embeddings, Prompt};

/// Bytes of one number in JSON.
const NUMBER: usize = 32;

/// Most numbers of a vector.
const DIMENSIONS: usize = 1 << 16;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Vector>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
}

/// Embeds. Texts and ids may not stand in one list, so there are two requests where there are both.
pub(super) async fn embed(http: &Http, model: &str, inputs: Vec<Prompt>) -> Result<Embeddings, BackendError> {
    let mut vectors = vec![Vec::new(); inputs.len()];
    let mut tokens = 0;
    let (mut texts, mut lists) = (Vec::<(usize, Value)>::new(), Vec::<(usize, Value)>::new());
    for (place, input) in inputs.into_iter().enumerate() {
        match input {
            Prompt::Text(text) => texts.push((place, text.into())),
            Prompt::Tokens(ids) => lists.push((place, json!(ids))),
            Prompt::Chat(_) => {
                let message = "a conversation cannot be embedded".into();
                return Err(BackendError::Invalid { parameter: "input", code: "invalid_value", message });
            }
        }
    }
    for group in [texts, lists].into_iter().filter(|group| !group.is_empty()) {
        let (places, inputs): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let body = json!({"model": model, "input": inputs, "encoding_format": "float"});
        let limit = (1 << 16) + places.len().saturating_mul(DIMENSIONS * NUMBER);
        let answer: Answer =
            http.post("/v1/embeddings", &body, limit).await.map_err(|failure| failure.for_request("input"))?;
        tokens += answer.usage.as_ref().map_or(0, |usage| usage.prompt_tokens);
        for (place, vector) in places.into_iter().zip(sorted(answer, inputs.len())?) {
            vectors[place] = vector;
        }
    }
    Ok(Embeddings { vectors, tokens })
}

/// In the order of the inputs, each of unit length.
fn sorted(answer: Answer, inputs: usize) -> Result<Vec<Vec<f32>>, BackendError> {
    let refused = |text: &str| Failure::Answer(text.into()).for_request("input");
    let mut data = answer.data;
    data.sort_by_key(|vector| vector.index);
    if data.len() != inputs || data.iter().enumerate().any(|(place, vector)| vector.index != place) {
        return Err(refused("the vectors do not belong to the inputs"));
    }
    if data.iter().any(|vector| vector.embedding.len() != data[0].embedding.len()) {
        return Err(refused("the vectors have different lengths"));
    }
    data.into_iter().map(|vector| unit(vector.embedding).ok_or_else(|| refused("a vector has no direction"))).collect()
}

fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return None;
    }
    vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    Some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Result<Vec<Vec<f32>>, BackendError> {
        sorted(serde_json::from_str(json).unwrap(), 2)
    }

    #[test]
    fn vectors_are_sorted_and_of_unit_length() {
        let vectors = answer(r#"{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,4]}]}"#).unwrap();
        assert_eq!(vectors, [[0.6, 0.8], [0.0, 1.0]]);
    }

    #[test]
    fn what_does_not_belong_to_the_inputs_is_refused() {
        for data in [
            r#"[]"#,
            r#"[{"index":0,"embedding":[1]}]"#,
            r#"[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]"#,
            r#"[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]"#,
            r#"[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,1]}]"#,
            r#"[{"index":0,"embedding":[0]},{"index":1,"embedding":[1]}]"#,
            r#"[{"index":0,"embedding":[]},{"index":1,"embedding":[]}]"#,
        ] {
            assert!(answer(&format!(r#"{{"data":{data}}}"#)).is_err(), "{data}");
        }
    }
}
