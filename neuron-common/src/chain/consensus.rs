//! How a subnet reaches its consensus.

use incentive::forecast::Consensus;
use incentive::units::NetUid;
use runtime_metadata::items;
use scale_value::ValueDef;

use super::reads::storage;
use super::{ChainClient, ChainError, Value};

impl ChainClient {
    /// How a subnet turns weights into incentives; Yuma where the runtime knows nothing else.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn consensus(&self, netuid: NetUid) -> Result<Consensus, ChainError> {
        self.on_link("reading the consensus of a subnet", async |link| {
            let at = self.at(&link, None).await?;
            let item = items::SUBNET_EPOCH_CONSENSUS;
            let pallet = at.metadata_ref().pallet_by_name(item.pallet);
            if pallet.and_then(|pallet| pallet.storage()?.entry_by_name(item.name)).is_none() {
                return Ok(Consensus::Yuma);
            }
            let stored = storage::<Value>(&at, item, vec![Value::from(netuid.get())]).await?;
            Ok(stored.map_or_else(Consensus::default, |value| named(&value.value)))
        })
        .await
    }
}

fn named(value: &ValueDef<()>) -> Consensus {
    match value {
        ValueDef::Variant(variant) if variant.name == "Yuma" => Consensus::Yuma,
        ValueDef::Variant(variant) if variant.name == "Null" => Consensus::Null,
        ValueDef::Variant(variant) => Consensus::Other(variant.name.clone()),
        other => Consensus::Other(format!("{other:?}")),
    }
}
