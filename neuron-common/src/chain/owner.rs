//! Calls of a subnet's owner and of test set-ups: any call, by name, with generic values.

use incentive::units::{Hotkey, NetUid, Rao};
use runtime_metadata::items::{self, Item};
use scale_value::{At as _, Composite};

use super::runtime::{self, Call};
use super::submit::Inclusion;
use super::{Arguments, ChainClient, ChainError, Value};
use crate::keystore::Keypair;

/// A successful extrinsic and what it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The block it is in.
    pub inclusion: Inclusion,
    /// The events it caused, in order.
    pub events: Vec<Event>,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The pallet that emitted it.
    pub pallet: String,
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Composite<()>,
}

impl Receipt {
    /// The first event of this kind.
    #[must_use]
    pub fn event(&self, item: &Item) -> Option<&Event> {
        self.events.iter().find(|event| runtime::is(item, &event.pallet, &event.name))
    }
}

impl ChainClient {
    /// Signs and submits any call, with arguments by name, and waits until it has succeeded in a finalized block.
    ///
    /// # Errors
    /// As [`ChainClient::sign`] and [`ChainClient::submit`]. A sudo call fails if the call inside it fails.
    pub async fn call(
        &self,
        key: &Keypair,
        pallet: &str,
        call: &str,
        arguments: Arguments,
    ) -> Result<Receipt, ChainError> {
        let signed = self.sign(key, pallet, call, arguments).await?;
        self.deliver(&signed).await
    }

    /// Runs a call as root; `key` must be the chain's sudo key.
    ///
    /// # Errors
    /// As [`ChainClient::call`].
    pub async fn sudo(
        &self,
        key: &Keypair,
        pallet: &str,
        call: &str,
        arguments: Arguments,
    ) -> Result<Receipt, ChainError> {
        let inner = runtime::any_call(pallet, call, arguments).into_value();
        self.run(key, &runtime::call(items::SUDO, [inner])).await
    }

    /// Creates a subnet whose owner is `coldkey`.
    ///
    /// # Errors
    /// As [`ChainClient::call`].
    pub async fn register_network(&self, coldkey: &Keypair, hotkey: Hotkey) -> Result<NetUid, ChainError> {
        let call = runtime::call(items::REGISTER_NETWORK, [Value::from_bytes(hotkey.0)]);
        let receipt = self.run(coldkey, &call).await?;
        let event = receipt.event(&items::NETWORK_ADDED);
        let netuid = event.and_then(|event| event.fields.at(0)?.as_u128()).and_then(|n| u16::try_from(n).ok());
        netuid.map(NetUid).ok_or_else(|| ChainError::Codec {
            doing: "registering a subnet",
            message: "no event NetworkAdded with its number".to_owned(),
        })
    }

    /// Buys a place for a hotkey.
    ///
    /// # Errors
    /// As [`ChainClient::call`].
    pub async fn burned_register(
        &self,
        coldkey: &Keypair,
        netuid: NetUid,
        hotkey: Hotkey,
    ) -> Result<Receipt, ChainError> {
        self.run(coldkey, &burned_register_call(netuid, hotkey)).await
    }

    /// Stakes on a hotkey.
    ///
    /// # Errors
    /// As [`ChainClient::call`].
    pub async fn add_stake(
        &self,
        coldkey: &Keypair,
        hotkey: Hotkey,
        netuid: NetUid,
        amount: Rao,
    ) -> Result<Receipt, ChainError> {
        self.run(coldkey, &add_stake_call(hotkey, netuid, amount)).await
    }

    /// Starts the emission of a subnet.
    ///
    /// # Errors
    /// As [`ChainClient::call`].
    pub async fn start_call(&self, coldkey: &Keypair, netuid: NetUid) -> Result<Receipt, ChainError> {
        self.run(coldkey, &runtime::call(items::START_CALL, [Value::from(netuid.get())])).await
    }

    pub(super) async fn run(&self, key: &Keypair, call: &Call) -> Result<Receipt, ChainError> {
        let signed = self.sign_call(key, call).await?;
        self.deliver(&signed).await
    }
}

pub(super) fn burned_register_call(netuid: NetUid, hotkey: Hotkey) -> Call {
    runtime::call(items::BURNED_REGISTER, [Value::from(netuid.get()), Value::from_bytes(hotkey.0)])
}

pub(super) fn add_stake_call(hotkey: Hotkey, netuid: NetUid, amount: Rao) -> Call {
    let arguments = [Value::from_bytes(hotkey.0), Value::from(netuid.get()), Value::from(amount.get())];
    runtime::call(items::ADD_STAKE, arguments)
}
