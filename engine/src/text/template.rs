//! Chat templates: Jinja, as transformers runs it, within bounds. A template comes with a model, messages from strangers.

use std::error::Error as _;
use std::fmt;
use std::io;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use minijinja_contrib::pycompat;

use super::{LONGEST_TEXT, TextError, folder, json};
use crate::model::ModelError;

/// Steps of one rendering; a message takes about a hundred.
const FUEL: u64 = 2_000_000;
/// Nested calls and blocks.
const DEPTH: usize = 64;
const NAME: &str = "chat_template";

/// A chat template and the special tokens that it may name.
pub(super) struct Template {
    environment: Environment<'static>,
    source: String,
    named: Vec<(String, String)>,
}

impl Template {
    /// Compiles once, to refuse a template that cannot be.
    pub(super) fn new(file: &str, source: String, named: Vec<(String, String)>) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEPTH);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(pycompat::unknown_method_callback);
        environment.add_filter("tojson", |value: &Value, arguments: Kwargs| json::filter(value, &arguments));
        environment.add_function("raise_exception", |text: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(text)))
        });
        let template = Self { environment, source, named };
        template.compile(&template.environment).map_err(|e| {
            let problem = format!("the chat template cannot be compiled: {e:#}");
            folder::unsupported(file, problem, "put a template that is plain Jinja into chat_template.jinja")
        })?;
        Ok(template)
    }

    /// What it makes of the messages.
    pub(super) fn render(
        &self,
        messages: &[serde_json::Value],
        generation_prompt: bool,
        variables: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<String, TextError> {
        let named = Value::from_iter(self.named.iter().map(|(name, token)| (name.as_str(), token.as_str())));
        let context = context! {
            messages => Value::from_serialize(messages),
            add_generation_prompt => generation_prompt,
            tools => (),
            documents => (),
            ..named,
        };
        let context = context! { ..context, ..Value::from_serialize(variables) };
        let mut out = Bounded(Vec::new());
        let template = self.compile(&self.environment).map_err(|e| failure(&e))?;
        template.render_captured_to(context, &mut out).map_err(|e| failure(&e))?;
        String::from_utf8(out.0).map_err(|e| TextError::Template(e.to_string()))
    }

    /// Whether a character stands in the template.
    pub(super) fn contains(&self, character: char) -> bool {
        self.source.contains(character)
    }

    fn compile<'a>(&'a self, environment: &'a Environment<'a>) -> Result<minijinja::Template<'a, 'a>, Error> {
        environment.template_from_named_str(NAME, &self.source)
    }
}

/// What the template said with `raise_exception`, or how it failed.
fn failure(error: &Error) -> TextError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(Raised(text)) = inner.downcast_ref() {
            return TextError::Refused(text.clone());
        }
        if let Some(TooLong) = inner.downcast_ref() {
            return TextError::TooLong { bytes: LONGEST_TEXT + 1, limit: LONGEST_TEXT };
        }
        cause = match inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    TextError::Template(format!("{error:#}"))
}

/// The text of `raise_exception`.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// The output passed [`LONGEST_TEXT`].
#[derive(Debug)]
struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is too long")
    }
}

impl std::error::Error for TooLong {}

/// Takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_TEXT {
            return Err(io::Error::other(TooLong));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
