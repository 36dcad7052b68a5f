//! `validator stake`: TAO of the coldkey becomes stake behind the hotkey.

use std::process::ExitCode;

use anyhow::Result;
use incentive::units::{Block, NetUid, Rao};
use neuron_common::chain::{ChainClient, Role};
use neuron_common::exit;
use neuron_common::keystore::ss58;
use neuron_common::register::affordable;
use neuron_common::spend::{Place, SpendArgs, confirm};
use neuron_common::tao::{Tao, decimal};
use serde::Serialize;

/// How much to stake.
#[derive(Clone, Debug, clap::Args)]
pub struct StakeArgs {
    /// What to stake, in TAO
    #[arg(long, value_name = "TAO")]
    pub amount: Tao,
    /// Those of every command that spends.
    #[command(flatten)]
    pub spend: SpendArgs,
}

/// What came of it.
#[derive(Serialize)]
struct Staked {
    netuid: NetUid,
    hotkey: String,
    block: Block,
    /// What was paid, in rao.
    paid_rao: Rao,
    /// What it bought, in 10^-9 alpha.
    alpha_rao: Option<Rao>,
}

/// Shows what the amount buys, asks, and stakes it.
///
/// # Errors
/// Names what is missing or refused, and the remedy.
pub async fn run(place: Place<'_>, args: &StakeArgs) -> Result<ExitCode> {
    let (netuid, amount) = (place.netuid, args.amount);
    let hotkey = place.hotkey(args.spend.hotkey_ss58)?;
    let chain = ChainClient::connect(place.chain, Role::Owner).await?;
    let quote = chain.quote(netuid, amount.0).await?;
    let coldkey = place.coldkey()?;
    affordable(&chain, &coldkey, amount).await?;
    let (alpha, fee) = (decimal(Rao(quote.alpha_amount)), Tao(Rao(quote.tao_fee)));
    let question = format!(
        "{amount} buy about {alpha} alpha of subnet {netuid} now, {fee} of it for the swap. \
         Stake them on hotkey {}, paid by coldkey {}?",
        ss58(&hotkey),
        coldkey.address(),
    );
    confirm(&question, args.spend.yes)?;
    let receipt = chain.add_stake(&coldkey, hotkey, netuid, amount.0).await?;
    let staked = Staked {
        netuid,
        hotkey: ss58(&hotkey),
        block: receipt.inclusion.block,
        paid_rao: amount.0,
        alpha_rao: receipt.staked_alpha(),
    };
    exit::print(&staked.text(args.spend.json)?);
    Ok(ExitCode::SUCCESS)
}

impl Staked {
    fn text(&self, json: bool) -> Result<String> {
        if json {
            return Ok(serde_json::to_string_pretty(self)? + "\n");
        }
        let Self { netuid, hotkey, block, paid_rao, alpha_rao } = self;
        let bought = alpha_rao.map_or_else(String::new, |alpha| format!(" for {} alpha", decimal(alpha)));
        Ok(format!("staked {}{bought} on hotkey {hotkey}: subnet {netuid}, block {block}\n", Tao(*paid_rao)))
    }
}
