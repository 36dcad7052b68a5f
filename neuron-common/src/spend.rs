//! Commands that spend a coldkey's TAO: for which hotkey, from which coldkey, and the question before it leaves.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Context as _, Result, bail};
use incentive::units::{Hotkey, NetUid};

use crate::config::{ChainConfig, WalletConfig};
use crate::keystore::{self, Keypair, KeystoreError, parse_ss58};

/// Where the TAO goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The subnet.
    pub netuid: NetUid,
    /// The chain.
    pub chain: &'a ChainConfig,
    /// The wallet with the coldkey, and with the hotkey or its public half.
    pub wallet: &'a WalletConfig,
}

/// The flags of every command that spends.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SpendArgs {
    /// Address of the hotkey, when the wallet here has no file of it
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub hotkey_ss58: Option<Hotkey>,
    /// Do not ask before sending
    #[arg(long)]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Place<'_> {
    /// The hotkey: the address that was given, else that of the wallet's files. No secret of it is needed.
    ///
    /// # Errors
    /// If there is neither; names the files and the flag.
    pub fn hotkey(&self, given: Option<Hotkey>) -> Result<Hotkey> {
        if let Some(hotkey) = given {
            return Ok(hotkey);
        }
        let path = self.wallet.path()?;
        let found = keystore::load_public(&path.hotkey()).or_else(|_| keystore::load_public(&path.hotkey_public()));
        found.with_context(|| {
            format!(
                "the hotkey's address is not in {}; copy that file here, or give --hotkey-ss58",
                path.hotkey_public().display()
            )
        })
    }

    /// The coldkey; asks for its password where it has one.
    ///
    /// # Errors
    /// Names the file and the remedy.
    pub fn coldkey(&self) -> Result<Keypair, KeystoreError> {
        keystore::load_coldkey(&self.wallet.path()?, &self.wallet.passwords())
    }
}

/// Asks on standard error, unless the answer was given with `--yes`.
///
/// # Errors
/// When the answer is not yes, or nobody can be asked.
pub fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} Nobody can be asked here, so nothing was sent; add --yes to agree");
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was sent");
    }
    Ok(())
}

fn address(text: &str) -> Result<Hotkey, &'static str> {
    parse_ss58(text).ok_or("not an SS58 address of format 42, such as 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
}
