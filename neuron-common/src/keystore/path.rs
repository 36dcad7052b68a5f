//! Where the files of a wallet lie.

use std::path::{Path, PathBuf};

use super::KeystoreError;

/// One hotkey of one wallet, and the wallet's coldkey: `<root>/<name>/hotkeys/<hotkey>` and `<root>/<name>/coldkey`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletPath {
    root: PathBuf,
    name: String,
    hotkey: String,
}

impl WalletPath {
    /// The hotkey `hotkey` of wallet `name` below `root`. `~/` is the home folder; `name` may be `wallet/hotkey`.
    ///
    /// # Errors
    /// If a name is empty or would leave the wallet folder.
    pub fn new(root: &Path, name: &str, hotkey: &str) -> Result<Self, KeystoreError> {
        let (name, hotkey) = name.split_once('/').unwrap_or((name, hotkey));
        Ok(Self {
            root: expand_home(root),
            name: checked("wallet", "--wallet", name)?,
            hotkey: checked("hotkey", "--hotkey", hotkey)?,
        })
    }

    /// The folder with all wallets.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the wallet.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// The file with the hotkey's secret.
    #[must_use]
    pub fn hotkey(&self) -> PathBuf {
        self.folder().join("hotkeys").join(&self.hotkey)
    }

    /// The file with the hotkey's public half.
    #[must_use]
    pub fn hotkey_public(&self) -> PathBuf {
        self.folder().join("hotkeys").join(format!("{}pub.txt", self.hotkey))
    }

    /// The file with the coldkey's secret.
    #[must_use]
    pub fn coldkey(&self) -> PathBuf {
        self.folder().join("coldkey")
    }

    /// The file with the coldkey's public half.
    #[must_use]
    pub fn coldkey_public(&self) -> PathBuf {
        self.folder().join("coldkeypub.txt")
    }
}

fn checked(what: &'static str, flag: &'static str, name: &str) -> Result<String, KeystoreError> {
    let good = !name.is_empty()
        && name.len() <= 255
        && !name.chars().all(|c| c == '.')
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control);
    if good { Ok(name.to_owned()) } else { Err(KeystoreError::Name { what, name: name.to_owned(), flag }) }
}

/// `path` with a leading `~/` replaced by the home folder.
pub(crate) fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
