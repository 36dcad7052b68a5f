//! Writes and opens wallets with the keystore of the neurons, for comparisons with Bittensor's own tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use neuron_common::keystore::{
    Keypair, Password, Passwords, Scheme, WalletPath, load_key, write_coldkey, write_hotkey,
};

/// Writes and opens wallets
#[derive(Parser)]
enum Cli {
    /// Writes a wallet of each scheme: an encrypted coldkey, a plain and an encrypted hotkey
    Write {
        /// Folder for the wallets
        root: PathBuf,
        /// Their password
        #[arg(long)]
        password: String,
    },
    /// Prints the address of each key file that opens, as JSON
    Read {
        /// Key files
        files: Vec<PathBuf>,
        /// File with their password
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let addresses = match Cli::parse() {
        Cli::Write { root, password } => write(&root, &Password::new(&password))?,
        Cli::Read { files, password_file } => read(&files, &Passwords::new(password_file.as_deref()))?,
    };
    println!("{}", serde_json::to_string_pretty(&addresses)?);
    Ok(())
}

fn write(root: &Path, password: &Password) -> Result<BTreeMap<String, String>> {
    let mut addresses = BTreeMap::new();
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let (name, phrase) = (scheme.name(), format!("{}about", "abandon ".repeat(11)));
        let wallet = |hotkey| WalletPath::new(root, name, hotkey);
        let (cold, plain, sealed) = (
            Keypair::from_phrase(scheme, &phrase)?,
            Keypair::seeded(scheme, &[5; 32]),
            Keypair::derived(scheme, "//Bob")?,
        );
        write_coldkey(&wallet("plain")?, &cold, Some(password))?;
        write_hotkey(&wallet("plain")?, &plain, None)?;
        write_hotkey(&wallet("sealed")?, &sealed, Some(password))?;
        for (file, key) in [("coldkey", cold), ("hotkeys/plain", plain), ("hotkeys/sealed", sealed)] {
            addresses.insert(format!("{name}/{file}"), key.address().to_owned());
        }
    }
    Ok(addresses)
}

fn read(files: &[PathBuf], passwords: &Passwords) -> Result<BTreeMap<String, String>> {
    let address = |file: &PathBuf| Ok((file.display().to_string(), load_key(file, passwords)?.address().to_owned()));
    files.iter().map(address).collect()
}
