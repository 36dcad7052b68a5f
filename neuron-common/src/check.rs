//! The lines of `miner check` and `validator check`.

use std::fmt::{self, Display, Formatter};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use incentive::units::NetUid;
use incentive::{RUNTIME, forecast};
use runtime_metadata::Entry;
use serde::Serialize;

use crate::chain::{ChainClient, EndpointHealth};
use crate::config::WalletConfig;
use crate::keystore::{Keypair, is_private, private_coldkeys, seal_of};

/// How far the clock may be from the newest block's; requests older than this are refused as stale.
const CLOCK: Duration = Duration::from_secs(10);

/// What was looked at so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checks(Vec<Check>);

/// One part.
#[derive(Clone, Debug, Serialize)]
struct Check {
    part: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    warning: bool,
    text: String,
    /// What the line sums up, item by item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Entry>,
}

impl Check {
    fn new(part: &'static str, ok: bool, text: String) -> Self {
        Self { part, ok, warning: false, text, items: Vec::new() }
    }
}

impl Checks {
    /// This part is as it must be.
    pub fn ok(&mut self, part: &'static str, text: String) {
        self.0.push(Check::new(part, true, text));
    }

    /// This part works, but there is something to know; the text names the remedy.
    pub fn warn(&mut self, part: &'static str, text: String) {
        self.0.push(Check { warning: true, ..Check::new(part, true, text) });
    }

    /// This part is not; the text names the remedy.
    pub fn failed(&mut self, part: &'static str, text: String) {
        self.0.push(Check::new(part, false, text));
    }

    /// Every endpoint: the one in use, those that stand by, and a warning for those that could not.
    pub async fn endpoints(&mut self, chain: &ChainClient) {
        for EndpointHealth { endpoint, in_use, head } in chain.health().await {
            let state = if in_use { "in use" } else { "stands by" };
            match head {
                Some((head, latency)) => {
                    self.ok("chain", format!("{endpoint} at block {head}, {} ms, {state}", latency.as_millis()));
                }
                None => self.warn("chain", format!("{endpoint} does not answer: nothing stands by there")),
            }
        }
    }

    /// What was found of the chain's runtime, item by item.
    pub fn runtime(&mut self, chain: &ChainClient) {
        let (report, role) = (chain.report(), chain.role());
        let [found, handled, missing] = report.counts(role);
        let version = report.spec_version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
        let remedy = if missing == 0 { "" } else { "; install a release that supports this runtime" };
        let text = format!("spec {version}: {found} found, {handled} changed and handled, {missing} missing{remedy}");
        self.0.push(Check { items: report.of(role).cloned().collect(), ..Check::new("runtime", missing == 0, text) });
    }

    /// This part is as it must be, or its error says why not.
    pub fn add(&mut self, part: &'static str, outcome: Result<String>) {
        if let Some(text) = self.take(part, outcome) {
            self.ok(part, text);
        }
    }

    /// Goes on with a value, or notes why there is none.
    pub fn take<T>(&mut self, part: &'static str, outcome: Result<T>) -> Option<T> {
        outcome.inspect_err(|error| self.failed(part, format!("{error:#}"))).ok()
    }

    /// Prints all lines; the exit code is 0 only if every part is as it must be.
    ///
    /// # Errors
    /// When JSON cannot be made of it.
    pub fn print(&self, json: bool) -> Result<ExitCode> {
        let text = if json { serde_json::to_string_pretty(&self.0)? + "\n" } else { self.to_string() };
        std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
        Ok(if self.0.iter().all(|check| check.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Display for Checks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Check { part, ok, warning, text, items }| {
            let mark = match (ok, warning) {
                (false, _) => "FAILED",
                (true, true) => "warn  ",
                (true, false) => "ok    ",
            };
            writeln!(f, "{mark} {part}: {text}")?;
            items.iter().try_for_each(|item| writeln!(f, "       {}", item.row()))
        })
    }
}

/// Opens the hotkey, and warns of keys that lie too open: a machine that serves needs the hotkey, for nobody else to read.
pub fn wallet(checks: &mut Checks, config: &WalletConfig) -> Option<Keypair> {
    const PART: &str = "wallet";
    let key = checks.take(PART, config.load_hotkey().map_err(Into::into))?;
    checks.ok(PART, format!("hotkey {} ({})", key.address(), key.scheme().name()));
    let path = config.path().ok()?;
    let secrets = [Some(path.hotkey()), config.passwords().file().map(ToOwned::to_owned)];
    for file in secrets.into_iter().flatten().filter(|file| is_private(file).is_ok_and(|private| !private)) {
        let file = file.display();
        checks.warn(PART, format!("others on this machine may read {file}; close it with `chmod 600 {file}`"));
    }
    for coldkey in private_coldkeys(path.root()) {
        let sealed = seal_of(&coldkey).is_ok_and(|seal| seal.is_some());
        checks.warn(
            PART,
            format!(
                "the coldkey {} lies on this machine{}; who breaks in can take all its TAO: move it to a machine that does not \
                 serve, and leave only coldkeypub.txt here (running needs the hotkey alone)",
                coldkey.display(),
                if sealed { "" } else { ", not even encrypted" },
            ),
        );
    }
    Some(key)
}

/// Says whether forecasts made with this release hold on this chain and subnet.
pub async fn arithmetic(checks: &mut Checks, chain: &ChainClient, netuid: NetUid) {
    const PART: &str = "arithmetic";
    let Some(consensus) = checks.take(PART, chain.consensus(netuid).await.map_err(Into::into)) else { return };
    let caveats = forecast::caveats(chain.spec_version(), &consensus);
    if caveats.is_empty() {
        checks.ok(PART, format!("forecasts follow runtime {RUNTIME}, as this chain does"));
    }
    for caveat in caveats {
        checks.warn(PART, caveat.to_string());
    }
}

/// Compares this machine's clock with the newest block's.
///
/// # Errors
/// When they differ too far, or the chain cannot be asked.
pub async fn chain_clock(chain: &ChainClient) -> Result<String> {
    let (block, interval) = (chain.timestamp().await?, chain.block_time().await?);
    let own = SystemTime::now().duration_since(UNIX_EPOCH)?;
    // A block is as old as the time since the last one, and finality may lag by a few.
    let (ahead, behind) = (own.saturating_sub(block), block.saturating_sub(own));
    anyhow::ensure!(
        behind <= CLOCK && ahead <= CLOCK + 10 * interval,
        "this machine's clock and the chain's differ by {} s; switch on time synchronisation (NTP)",
        ahead.max(behind).as_secs(),
    );
    Ok(format!("within {} s of the newest block", ahead.max(behind).as_secs()))
}
