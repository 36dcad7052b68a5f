//! What a coldkey pays for: a place on a subnet, and stake.

use incentive::units::{Hotkey, NetUid, Rao};
use runtime_metadata::items;
use subxt::ext::scale_decode::DecodeAsType;

use super::owner::Receipt;
use super::runtime;
use super::{ChainClient, ChainError, Value};
use crate::keystore::Keypair;

/// What TAO would buy of a subnet's alpha at once, by the runtime's own simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub struct Quote {
    /// What would be bought, in 10^-9 alpha.
    pub alpha_amount: u64,
    /// What the swap would cost, in rao; part of the TAO that is paid.
    pub tao_fee: u64,
}

/// An account, as far as it is read.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Account {
    data: Funds,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Funds {
    free: u64,
}

impl ChainClient {
    /// What a place on a subnet costs now. It falls from block to block, and rises with each registration.
    ///
    /// # Errors
    /// If the node does not answer in time, or its runtime has no such price.
    pub async fn registration_price(&self, netuid: NetUid) -> Result<Rao, ChainError> {
        self.on_link("reading the price of a registration", async |link| {
            let at = self.at_head(&link).await?;
            let burn = at.storage::<u64>(items::BURN, vec![Value::from(netuid.get())]).await?;
            Ok(Rao(burn.unwrap_or_default()))
        })
        .await
    }

    /// The free TAO of an account.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn balance(&self, account: &Hotkey) -> Result<Rao, ChainError> {
        self.on_link("reading a balance", async |link| {
            let at = self.at_head(&link).await?;
            let account = at.storage::<Account>(items::ACCOUNT, vec![Value::from_bytes(account.0)]).await?;
            Ok(Rao(account.map_or(0, |account| account.data.free)))
        })
        .await
    }

    /// What `amount` would buy of a subnet's alpha now.
    ///
    /// # Errors
    /// If the node does not answer in time, or its runtime cannot tell.
    pub async fn quote(&self, netuid: NetUid, amount: Rao) -> Result<Quote, ChainError> {
        self.on_link("asking what TAO would buy", async |link| {
            let arguments = vec![Value::from(netuid.get()), Value::from(amount.get())];
            self.at_head(&link).await?.api::<Quote>(items::SIM_SWAP_TAO_FOR_ALPHA, arguments).await
        })
        .await
    }

    /// Buys a place for a hotkey at the price of that block, if it is at most `limit`.
    ///
    /// # Errors
    /// As [`ChainClient::call`]; `RegistrationPriceLimitExceeded` if the price has risen above the limit.
    pub async fn register(
        &self,
        coldkey: &Keypair,
        netuid: NetUid,
        hotkey: Hotkey,
        limit: Rao,
    ) -> Result<Receipt, ChainError> {
        let arguments = [Value::from(netuid.get()), Value::from_bytes(hotkey.0), Value::from(limit.get())];
        self.run(coldkey, &runtime::call(items::REGISTER_LIMIT, arguments)).await
    }
}

impl Receipt {
    /// The alpha that a staking call bought, in 10^-9 alpha; `None` if it did not say.
    #[must_use]
    pub fn staked_alpha(&self) -> Option<Rao> {
        let alpha = scale_value::At::at(&self.event(&items::STAKE_ADDED)?.fields, 3)?.as_u128()?;
        u64::try_from(alpha).ok().map(Rao)
    }
}
