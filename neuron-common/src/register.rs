//! `miner register` and `validator register`: a place on a subnet for a hotkey, paid by its coldkey.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use incentive::units::{Block, Hotkey, NetUid, Rao, Uid};
use runtime_metadata::items::Role;
use serde::Serialize;

use crate::chain::ChainClient;
use crate::exit;
use crate::keystore::{Keypair, ss58};
use crate::spend::{Place, SpendArgs, confirm};
use crate::tao::Tao;

/// How to register.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RegisterArgs {
    /// Most that may be paid, in TAO; without it the price that is shown, which must then be confirmed
    #[arg(long, value_name = "TAO", required_if_eq("yes", "true"))]
    pub max_price: Option<Tao>,
    /// Those of every command that spends.
    #[command(flatten)]
    pub spend: SpendArgs,
}

/// What came of it.
#[derive(Serialize)]
struct Registered {
    netuid: NetUid,
    hotkey: String,
    uid: Uid,
    /// Where it was registered.
    block: Block,
    /// Whether that was so before.
    already: bool,
    /// Most that was paid, in rao; the chain takes the price of the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_rao: Option<Rao>,
}

/// Registers the hotkey unless it is registered, and says under which uid.
///
/// # Errors
/// Names what is missing, too dear or refused, and the remedy.
pub async fn run(place: Place<'_>, args: &RegisterArgs) -> Result<ExitCode> {
    let hotkey = place.hotkey(args.spend.hotkey_ss58)?;
    let chain = ChainClient::connect(place.chain, Role::Owner).await?;
    let registered = match there(&chain, place.netuid, hotkey, None).await? {
        Some(registered) => registered,
        None => buy(&chain, place, hotkey, args).await?,
    };
    exit::print(&registered.text(args.spend.json)?);
    Ok(ExitCode::SUCCESS)
}

async fn buy(chain: &ChainClient, place: Place<'_>, hotkey: Hotkey, args: &RegisterArgs) -> Result<Registered> {
    let netuid = place.netuid;
    let price = Tao(chain.registration_price(netuid).await?);
    let limit = args.max_price.unwrap_or(price);
    ensure!(
        price <= limit,
        "a place on subnet {netuid} costs {price} now, more than --max-price allows ({limit}); \
         the price falls from block to block: wait, or raise --max-price"
    );
    let coldkey = place.coldkey()?;
    affordable(chain, &coldkey, price).await?;
    let (address, payer) = (ss58(&hotkey), coldkey.address());
    let question = format!(
        "A place on subnet {netuid} costs {price} now; at most {limit} will be paid. \
         Register hotkey {address}, paid by coldkey {payer}?"
    );
    confirm(&question, args.spend.yes)?;
    let receipt = chain.register(&coldkey, netuid, hotkey, limit.0).await?;
    let registered = there(chain, netuid, hotkey, Some(receipt.inclusion.hash)).await?;
    let registered = registered.context("the registration succeeded, and its block does not show the hotkey")?;
    Ok(Registered { already: false, limit_rao: Some(limit.0), ..registered })
}

/// Whether a coldkey can pay a price.
///
/// # Errors
/// If it cannot; names what it has.
pub async fn affordable(chain: &ChainClient, coldkey: &Keypair, price: Tao) -> Result<()> {
    let balance = Tao(chain.balance(&coldkey.hotkey()).await?);
    ensure!(balance >= price, "coldkey {} has {balance}, and {price} is needed; send it TAO", coldkey.address());
    Ok(())
}

/// The registration of a hotkey at a block, if there is one.
async fn there(
    chain: &ChainClient,
    netuid: NetUid,
    hotkey: Hotkey,
    at: Option<[u8; 32]>,
) -> Result<Option<Registered>> {
    let snapshot = chain.snapshot(netuid, at).await?;
    Ok(snapshot.neuron(&hotkey).map(|neuron| Registered {
        netuid,
        hotkey: ss58(&hotkey),
        uid: neuron.uid,
        block: neuron.registered,
        already: true,
        limit_rao: None,
    }))
}

impl Registered {
    fn text(&self, json: bool) -> Result<String> {
        if json {
            return Ok(serde_json::to_string_pretty(self)? + "\n");
        }
        let Self { netuid, hotkey, uid, block, already, .. } = self;
        let what = if *already { "is registered already, nothing was sent" } else { "is registered" };
        Ok(format!("hotkey {hotkey} {what}: subnet {netuid}, uid {uid}, since block {block}\n"))
    }
}
