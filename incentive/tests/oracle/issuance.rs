//! What a block mints at recorded issuances.

use incentive::emission::block_emission;
use serde::Deserialize;

use crate::each_source;

#[derive(Deserialize)]
struct Record {
    issuance: u64,
    block_emission: u64,
}

#[test]
fn oracle_issuance() {
    each_source("coinbase-issuance.jsonl", |differences, records: &[Record]| {
        for record in records {
            let id = record.issuance.to_string();
            differences.compare(&id, "block emission", &block_emission(record.issuance), &record.block_emission);
        }
        format!("{} issuances", records.len())
    });
}
