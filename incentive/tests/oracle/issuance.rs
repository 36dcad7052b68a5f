//! What a block mints at recorded issuances.

use incentive::emission::block_emission;
use serde::Deserialize;

use crate::{Differences, records};

#[derive(Deserialize)]
struct Record {
    issuance: u64,
    block_emission: u64,
}

#[test]
fn oracle_issuance() {
    let Some(records) = records::<Record>("coinbase-issuance.jsonl") else { return };
    let mut differences = Differences::default();
    for record in &records {
        let id = record.issuance.to_string();
        differences.compare(&id, "block emission", &block_emission(record.issuance), &record.block_emission);
    }
    println!("coinbase-issuance.jsonl: {} records", records.len());
    differences.assert_none();
}
