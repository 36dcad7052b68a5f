//! What is wrong with a configuration, where, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use incentive::policy::PolicyError;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {path}: {source}; check --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither a preset nor a file.
    #[error("policy {path} is neither `dev` nor `production` nor a readable file: {source}; check `policy` (--policy)")]
    Policy {
        /// The file that was tried.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A policy with which no subnet works.
    #[error("policy {origin}: {source}")]
    Unworkable {
        /// The preset or the file.
        origin: String,
        /// Which key and the remedy.
        source: PolicyError,
    },
    /// A key, a value or the syntax of the file.
    #[error("{path}:{line}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: Complaint,
    },
    /// A value that came from a flag or the environment.
    #[error("{origin}: `{key}` cannot be set to {value}: {problem}")]
    Override {
        /// The flag, and the variable it reads.
        origin: &'static str,
        /// The key it sets.
        key: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that is one, but cannot work here.
    #[error("`{key}` cannot be {value}; {remedy}")]
    Unfit {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What to choose, and why.
        remedy: String,
    },
    /// A key without which nothing starts.
    #[error("{problem}; set it in {place}, or by its flag (--help)")]
    Missing {
        /// Which key.
        problem: String,
        /// The file, or where one would be.
        place: String,
    },
    /// A configuration that cannot be written out.
    #[error("the configuration has no TOML form: {0}")]
    Render(toml::ser::Error),
}

/// What is wrong at a place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A key that does not exist.
    UnknownKey {
        /// As written.
        key: String,
        /// The nearest key that exists there, if one is near; otherwise all of them.
        remedy: String,
    },
    /// Anything else: the parser says it.
    Other(String),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, remedy } => write!(f, "unknown key `{key}`; {remedy}"),
            Self::Other(message) => write!(f, "{message}; correct the value"),
        }
    }
}

impl ConfigError {
    pub(super) fn at(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::File { path: path.to_owned(), line, problem: complaint(error.message()) }
    }
}

/// serde states an unknown key as "unknown field `x`, expected one of `a`, `b`".
fn complaint(message: &str) -> Complaint {
    let mut names = message.split('`').skip(1).step_by(2);
    match names.next() {
        Some(key) if message.starts_with("unknown field") => {
            let known: Vec<&str> = names.collect();
            let nearest = known.iter().map(|name| (distance(key, name), name)).min();
            let remedy = match nearest {
                Some((distance, name)) if distance <= 1 + key.len() / 4 => format!("did you mean `{name}`?"),
                Some(_) => format!("here stand: {}", known.join(", ")),
                None => "no key can stand here".to_owned(),
            };
            Complaint::UnknownKey { key: key.to_owned(), remedy }
        }
        _ => Complaint::Other(message.trim().replace('\n', ", ")),
    }
}

/// Insertions, deletions and replacements between two words (Levenshtein). Keys are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_known() {
        for (a, b, expected) in [("", "abc", 3), ("endpont", "endpoint", 1), ("kitten", "sitting", 3), ("a", "a", 0)] {
            assert_eq!(distance(a, b), expected);
        }
    }
}
