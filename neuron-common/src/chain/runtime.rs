//! The runtime at one block. Whatever is looked up in it is an [`Item`] of the one table, and is checked before it is used:
//! a difference that matters ends in [`ChainError::Incompatible`], which names it.

use std::ops::Deref;
use std::sync::Arc;

use runtime_metadata::items::{self, Item};
use runtime_metadata::{Report, optional_arguments};
use scale_value::Composite;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::tx::DynamicPayload;
use subxt::{Metadata, OnlineClientAtBlock, SubstrateConfig, dynamic};

use super::{ChainError, Value, codec, node};

/// A call and its arguments by name.
pub type Call = DynamicPayload<Composite<()>>;

/// The runtime at a block, and what was found of everything that is used.
pub struct Runtime {
    at: OnlineClientAtBlock<SubstrateConfig>,
    report: Arc<Report>,
}

impl Deref for Runtime {
    type Target = OnlineClientAtBlock<SubstrateConfig>;

    fn deref(&self) -> &Self::Target {
        &self.at
    }
}

impl Runtime {
    /// At this block, with the report on its runtime.
    pub const fn new(at: OnlineClientAtBlock<SubstrateConfig>, report: Arc<Report>) -> Self {
        Self { at, report }
    }

    /// A storage value, or its default; `None` if there is neither.
    pub async fn storage<T: DecodeAsType>(&self, item: Item, keys: Vec<Value>) -> Result<Option<T>, ChainError> {
        self.usable(&item)?;
        let doing = "reading storage";
        let address = dynamic::storage::<Vec<Value>, T>(item.pallet(), item.name());
        let value = self.at.storage().try_fetch(address, keys).await.map_err(node(doing))?;
        value.map(|value| value.decode().map_err(codec(doing))).transpose()
    }

    /// Whether the runtime has this storage item.
    pub fn stores(&self, item: &Item) -> bool {
        let pallet = self.at.metadata_ref().pallet_by_name(item.pallet());
        pallet.and_then(|pallet| pallet.storage()?.entry_by_name(item.name())).is_some()
    }

    /// A constant.
    pub fn constant<T: DecodeAsType>(&self, item: Item) -> Result<T, ChainError> {
        self.usable(&item)?;
        let address = dynamic::constant::<T>(item.pallet(), item.name());
        self.at.constants().entry(address).map_err(codec("reading a constant"))
    }

    /// The answer of a runtime API.
    pub async fn api<T: DecodeAsType>(&self, item: Item, arguments: Vec<Value>) -> Result<T, ChainError> {
        self.usable(&item)?;
        let payload = dynamic::runtime_api_call::<_, T>(item.pallet(), item.name(), arguments);
        self.at.runtime_apis().call(payload).await.map_err(node("asking the runtime"))
    }

    /// # Errors
    /// [`ChainError::Incompatible`] if the runtime does not offer the item, or not in a form that this release can use.
    pub fn usable(&self, item: &Item) -> Result<(), ChainError> {
        self.report.obstacle(item).map_or(Ok(()), |items| Err(self.incompatible(items)))
    }

    /// The call as this runtime wants it: new optional arguments are given as none.
    ///
    /// # Errors
    /// [`ChainError::Incompatible`] if nothing can be signed for this runtime, or if the outcome could not be seen.
    pub fn adapted(&self, call: &Call) -> Result<Call, ChainError> {
        if let Some(items) = self.report.cannot_sign() {
            return Err(self.incompatible(items));
        }
        self.usable(&items::EXTRINSIC_FAILED)?;
        if let Some(item) = items::ALL.iter().find(|item| is(item, call.pallet_name(), call.call_name())) {
            self.usable(item)?;
        }
        Ok(adapted(self.at.metadata_ref(), call))
    }

    fn incompatible(&self, items: String) -> ChainError {
        ChainError::Incompatible { spec_version: self.at.spec_version(), items }
    }
}

/// A call of the table, with arguments in the order of the table.
pub fn call<const N: usize>(item: Item, arguments: [Value; N]) -> Call {
    let named = item.arguments().map(str::to_owned).zip(arguments);
    any_call(item.pallet(), item.name(), named.collect())
}

/// Any call. Only for what the caller names himself: what this client uses is in the table.
pub fn any_call(pallet: &str, name: &str, arguments: Vec<(String, Value)>) -> Call {
    DynamicPayload::new(pallet, name, Composite::Named(arguments))
}

/// Whether these names are those of an item.
pub fn is(item: &Item, pallet: &str, name: &str) -> bool {
    item.pallet() == pallet && item.name() == name
}

/// A call with the optional arguments that a runtime has and the client does not know, each given as none.
fn adapted(metadata: &Metadata, call: &Call) -> Call {
    let mut arguments = arguments(call);
    let known: Vec<&str> = arguments.iter().map(|(name, _)| name.as_str()).collect();
    let new = optional_arguments(metadata, call.pallet_name(), call.call_name(), &known);
    arguments.extend(new.into_iter().map(|name| (name, Value::unnamed_variant("None", []))));
    any_call(call.pallet_name(), call.call_name(), arguments)
}

/// The arguments of a call that was made here.
fn arguments(call: &Call) -> Vec<(String, Value)> {
    match call.call_data() {
        Composite::Named(named) => named.clone(),
        Composite::Unnamed(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
