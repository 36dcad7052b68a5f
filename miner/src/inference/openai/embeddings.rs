//! `/v1/embeddings`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{ApiError, Fields, completions};
use crate::inference::backend::{Embeddings, Prompt};

/// Most inputs of a request, as in OpenAI's API.
const INPUTS: usize = 2048;

/// A checked request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Of which model.
    pub model: String,
    /// What is embedded.
    pub inputs: Vec<Prompt>,
    /// How vectors are written.
    pub format: Format,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A list of numbers.
    Float,
    /// The bytes of f32, little-endian, in base 64.
    Base64,
}

#[derive(Serialize)]
struct Response<'a> {
    object: &'static str,
    data: Vec<Row>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Row {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

// === impl Asked ===

impl Asked {
    /// Checks everything that can be checked without the model.
    ///
    /// # Errors
    /// 400 with the name of the parameter.
    pub fn read(fields: &Fields) -> Result<Self, ApiError> {
        let model = fields.model()?.to_owned();
        fields.refuse(&["dimensions"])?;
        let inputs = completions::read(fields, "input")?;
        if inputs.len() > INPUTS {
            return Err(ApiError::parameter("input", format!("a request has at most {INPUTS} inputs")));
        }
        let format = match fields.text("encoding_format")? {
            None | Some("float") => Format::Float,
            Some("base64") => Format::Base64,
            Some(_) => return Err(ApiError::parameter("encoding_format", "`encoding_format` is `float` or `base64`")),
        };
        Ok(Self { model, inputs, format })
    }

    /// The JSON of the answer.
    #[must_use]
    pub fn response(&self, embeddings: Embeddings) -> Vec<u8> {
        let Embeddings { vectors, tokens } = embeddings;
        let rows = vectors.into_iter().zip(0..).map(|(vector, index)| {
            let embedding = match self.format {
                Format::Float => Vector::Float(vector),
                Format::Base64 => {
                    Vector::Base64(STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()))
                }
            };
            Row { object: "embedding", index, embedding }
        });
        let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
        let response = Response { object: "list", data: rows.collect(), model: &self.model, usage };
        // Text and numbers always have a JSON form.
        serde_json::to_vec(&response).unwrap_or_default()
    }
}
