//! Reading a file and laying overrides over it.

use std::io::Read as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::ConfigError;

/// Larger than any configuration.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Values that stand above the file, with where they come from.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Vec<Override>);

#[derive(Clone, Debug)]
struct Override {
    key: &'static str,
    /// Another name of the key, which the file may use.
    other: Option<&'static str>,
    origin: &'static str,
    value: Value,
}

// === impl Overrides ===

impl Overrides {
    /// Sets `key` (dotted: `chain.endpoint`) if there is a value. `origin` names the flag in errors.
    #[must_use]
    pub fn set(mut self, key: &'static str, origin: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.0.extend(value.map(|value| Override { key, other: None, origin, value: value.into() }));
        self
    }

    /// [`Overrides::set`] for a key that has another name: whichever of them the file uses is overridden.
    #[must_use]
    pub fn replace(
        mut self,
        key: &'static str,
        other: &'static str,
        origin: &'static str,
        value: Option<impl Into<Value>>,
    ) -> Self {
        self.0.extend(value.map(|value| Override { key, other: Some(other), origin, value: value.into() }));
        self
    }
}

/// The configuration: defaults, over them the file, over it the overrides.
///
/// # Errors
/// [`ConfigError`] names the file and line, or the flag, with the key and the remedy.
pub fn load<T: DeserializeOwned>(path: Option<&Path>, overrides: &Overrides) -> Result<T, ConfigError> {
    let mut table = match path {
        Some(path) => {
            let text = read(path)?;
            // A key that the file leaves out may still come from a flag.
            match toml::from_str::<T>(&text) {
                Err(error) if !missing(&error) => return Err(ConfigError::at(path, &text, &error)),
                _ => toml::from_str::<Table>(&text).map_err(|error| ConfigError::at(path, &text, &error))?,
            }
        }
        None => Table::new(),
    };
    let mut outcome = table.clone().try_into::<T>();
    for Override { key, other, origin, value } in &overrides.0 {
        if let Some(other) = other {
            remove(&mut table, other);
        }
        insert(&mut table, key, value.clone());
        outcome = table.clone().try_into::<T>();
        if let Err(error) = &outcome
            && !missing(error)
        {
            let (value, problem) = (value.to_string(), error.message().trim().to_owned());
            return Err(ConfigError::Override { origin, key, value, problem });
        }
    }
    outcome.map_err(|error| ConfigError::Missing {
        problem: error.message().trim().replace("missing field", "no value for"),
        place: path.map_or("a configuration file (--config)".to_owned(), |path| path.display().to_string()),
    })
}

/// A file without overrides.
pub(super) fn file<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read(path)?;
    toml::from_str(&text).map_err(|error| ConfigError::at(path, &text, &error))
}

/// The effective configuration as a file that gives it again.
///
/// # Errors
/// If a value has no TOML form.
pub fn render<T: Serialize>(config: &T) -> Result<String, ConfigError> {
    toml::to_string(config).map_err(ConfigError::Render)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(failed(std::io::Error::other("larger than any configuration")));
    }
    Ok(text)
}

fn missing(error: &toml::de::Error) -> bool {
    error.message().starts_with("missing field")
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => {
            table.remove(key);
        }
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, rest);
            }
        }
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            // Anything but a table was refused with the file.
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
