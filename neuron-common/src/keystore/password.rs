//! Passwords of encrypted key files: from a file, from the variable that `btcli` uses, or typed.

use std::fmt;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::path::expand_home;
use super::{KeystoreError, seal};

/// Longer than any password, in bytes.
const MAX_BYTES: u64 = 4096;

/// A password. Wiped on drop and never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Where passwords come from: the file, else the variable [`variable`] of the key file, else the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passwords {
    file: Option<PathBuf>,
}

// === impl Password ===

impl Password {
    /// A password.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

// === impl Passwords ===

impl Passwords {
    /// The first line of `file` counts before anything else; `~/` is the home folder.
    #[must_use]
    pub fn new(file: Option<&Path>) -> Self {
        Self { file: file.map(expand_home) }
    }

    /// The file that counts before anything else.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Opens the content of an encrypted key file.
    pub(super) fn open(
        &self,
        path: &Path,
        seal: seal::Seal,
        content: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let (password, origin) = self.find(path)?;
        seal.open(content, &password).map_err(|unopened| match unopened {
            seal::Unopened::Password => KeystoreError::WrongPassword { path: path.to_owned(), origin },
            seal::Unopened::Form(reason) => KeystoreError::Format { path: path.to_owned(), reason },
        })
    }

    /// The password of a key file, and where it came from.
    fn find(&self, path: &Path) -> Result<(Password, String), KeystoreError> {
        if let Some(file) = &self.file {
            let origin = file.display().to_string();
            return match read(file) {
                Ok(password) => Ok((password, origin)),
                Err(reason) => Err(KeystoreError::BadPassword { origin, reason }),
            };
        }
        let variable = variable(path);
        if let Some(value) = std::env::var_os(&variable) {
            let password = value.to_str().and_then(|value| revealed(&variable, &Zeroizing::new(value.to_owned())));
            let reason = "its value is not as `btcli` obscures passwords (base64 of password XOR the variable's name)";
            return match password {
                Some(password) => Ok((password, variable)),
                None => Err(KeystoreError::BadPassword { origin: variable, reason: reason.to_owned() }),
            };
        }
        if !std::io::stdin().is_terminal() {
            return Err(KeystoreError::NoPassword { path: path.to_owned(), variable });
        }
        let origin = "the terminal".to_owned();
        match rpassword::prompt_password(format!("Password of {}: ", path.display())) {
            Ok(typed) => Ok((Password(Zeroizing::new(typed)), origin)),
            Err(error) => Err(KeystoreError::BadPassword { origin, reason: error.to_string() }),
        }
    }
}

fn read(file: &Path) -> Result<Password, String> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES as usize + 1));
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    opened.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    match text.lines().next() {
        _ if text.len() as u64 > MAX_BYTES => Err(format!("it is larger than {MAX_BYTES} bytes")),
        None | Some("") => Err("its first line is empty".to_owned()),
        Some(line) => Ok(Password::new(line)),
    }
}

/// The variable that may hold the password of a key file: `BT_PW_` and the path, with `_` for `/` and `.`, in capitals.
///
/// Its value is base64 of the password XOR the name of the variable, repeated: that hides it from a glance and no more.
#[must_use]
pub fn variable(path: &Path) -> String {
    format!("BT_PW_{}", path.to_string_lossy().replace([std::path::MAIN_SEPARATOR, '.'], "_").to_uppercase())
}

/// What is hidden in the value of a variable.
fn revealed(variable: &str, value: &str) -> Option<Password> {
    let hidden = Zeroizing::new(STANDARD.decode(value.trim()).ok()?);
    let plain: Zeroizing<Vec<u8>> =
        Zeroizing::new(hidden.iter().zip(variable.bytes().cycle()).map(|(byte, key)| byte ^ key).collect());
    std::str::from_utf8(&plain).ok().filter(|text| !text.is_empty()).map(Password::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(variable: &str, password: &str) -> String {
        STANDARD
            .encode(password.bytes().zip(variable.bytes().cycle()).map(|(byte, key)| byte ^ key).collect::<Vec<_>>())
    }

    #[test]
    fn the_variable_of_a_file_is_the_one_that_btcli_uses() {
        let path = Path::new("/home/u/.bittensor/wallets/a/coldkey");
        assert_eq!(variable(path), "BT_PW__HOME_U__BITTENSOR_WALLETS_A_COLDKEY");
    }

    /// Obscured by `bittensor_core` 0.1.5 (`save_password_to_environment`).
    #[test]
    fn a_recorded_value_reveals_its_password() {
        let password = revealed("BT_PW_TEST", "MTE8IjIr").unwrap();
        assert_eq!(password.bytes(), b"secret");
        assert_eq!(hidden("BT_PW_TEST", "secret"), "MTE8IjIr");
        assert!(!format!("{password:?}").contains("secret"));
    }

    #[test]
    fn values_that_nobody_obscured_are_no_passwords() {
        for value in ["", "%%%", "secret!", &STANDARD.encode([0xff, 0xfe, 0x80])] {
            assert!(revealed("BT_PW_TEST", value).is_none(), "{value}");
        }
    }

    #[test]
    fn the_first_line_of_a_file_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let passwords = Passwords::new(Some(file.path()));
        for (content, expected) in [("one\n", Some("one")), ("one", Some("one")), (" a b \r\nx", Some(" a b "))] {
            std::fs::write(file.path(), content).unwrap();
            let found = passwords.find(Path::new("/k")).ok().map(|(password, _)| password.0.to_string());
            assert_eq!(found.as_deref(), expected);
        }
        for content in ["".to_owned(), "\nx".to_owned(), "x".repeat(5000)] {
            std::fs::write(file.path(), content).unwrap();
            let error = passwords.find(Path::new("/k")).unwrap_err().to_string();
            assert!(error.contains(&file.path().display().to_string()), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_password_survives_being_obscured(name in "[A-Z_]{1,40}", password in "\\PC{1,60}") {
            let variable = format!("BT_PW_{name}");
            let found = revealed(&variable, &hidden(&variable, &password)).unwrap();
            proptest::prop_assert_eq!(found.bytes(), password.as_bytes());
        }
    }
}
