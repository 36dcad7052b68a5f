//! How a subnet reaches its consensus.

use incentive::forecast::Consensus;
use incentive::units::NetUid;
use runtime_metadata::items;
use scale_value::ValueDef;

use super::{ChainClient, ChainError, Value};

impl ChainClient {
    /// How a subnet turns weights into incentives; Yuma where the runtime knows nothing else.
    ///
    /// # Errors
    /// If the node does not answer in time.
    pub async fn consensus(&self, netuid: NetUid) -> Result<Consensus, ChainError> {
        self.on_link("reading the consensus of a subnet", async |link| {
            let (at, item) = (self.at_head(&link).await?, items::SUBNET_EPOCH_CONSENSUS);
            if !at.stores(&item) {
                return Ok(Consensus::Yuma);
            }
            let stored: Option<Value> = at.storage(item, vec![Value::from(netuid.get())]).await?;
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
