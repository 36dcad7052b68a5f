//! How a program ends: one line on stderr and a status that scripts can tell apart.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::keystore::KeystoreError;

/// Bad configuration, wallet files included (`EX_USAGE` of sysexits).
pub const BAD_CONFIGURATION: u8 = 64;

/// Writes the output of a command. A reader that has seen enough (`| head`) is no failure.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// 0, or the error on stderr and 64 for bad configuration, 1 for everything else.
#[must_use]
pub fn code(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Causes are part of the messages of this workspace's own errors, so a line may name one twice, never none.
            eprintln!("error: {}", one_line(&error));
            ExitCode::from(status(&error))
        }
    }
}

fn status(error: &anyhow::Error) -> u8 {
    let configuration = error.chain().any(|cause| cause.is::<ConfigError>() || cause.is::<KeystoreError>());
    if configuration { BAD_CONFIGURATION } else { 1 }
}

/// A cause that its parent's message already states is left out.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause);
        }
    }
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_configuration_has_its_own_status() {
        let missing = KeystoreError::Missing { what: "hotkey", path: "/w/a".into(), remedy: "make it" };
        assert_eq!(status(&anyhow::Error::from(missing).context("starting")), 64);
        assert_eq!(status(&anyhow::anyhow!("the node is gone")), 1);
    }

    #[test]
    fn causes_stand_in_one_line_and_only_once() {
        let cause = std::io::Error::other("no such file");
        let error = anyhow::Error::from(cause).context("cannot read x: no such file").context("starting\nup");
        assert_eq!(one_line(&error), "starting up: cannot read x: no such file");
    }
}
