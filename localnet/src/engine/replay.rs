use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Applied, BlockBuilder, Chain, EngineError};
use crate::journal::{Opened, Record};

/// Brings the chain to where its journal ends.
pub fn replay(chain: &Chain, opened: &Opened) -> Result<(), EngineError> {
    let path = opened.journal.path();
    if opened.torn > 0 {
        tracing::warn!(path = %path.display(), bytes = opened.torn, "dropped a record that was cut off while written");
    }
    let total = opened.records.len();
    let mut reported = Instant::now();
    for (position, record) in opened.records.iter().enumerate() {
        if reported.elapsed() > Duration::from_secs(1) {
            reported = Instant::now();
            tracing::info!(done = position, total, "replaying the journal");
        }
        let misplaced = || EngineError::ReplayOrder { path: path.to_owned(), record: position };
        match record {
            Record::Revert { number } => {
                if *number > chain.best().header.number {
                    return Err(misplaced());
                }
                chain.truncate(*number);
            }
            Record::Block { parent, timestamp, extrinsics, hash, upgrade } => {
                let head = chain.best();
                if head.hash != *parent {
                    return Err(misplaced());
                }
                let mut builder = BlockBuilder::begin(chain, &head, *timestamp, upgrade.as_ref())?;
                for extrinsic in extrinsics {
                    // An extrinsic that is refused now shows in the hash below.
                    if !matches!(builder.apply(extrinsic)?, Applied::Included) {
                        break;
                    }
                }
                let block = builder.finish()?;
                if block.hash != *hash {
                    let (number, found) = (block.header.number, block.hash);
                    return Err(EngineError::Replay { path: path.to_owned(), number, recorded: *hash, found });
                }
                chain.extend(Arc::clone(&block));
            }
        }
    }
    Ok(())
}
