//! The pallet inside the runtime, without the engine.

use std::path::Path;

use frame_support::{assert_noop, assert_ok};
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{AccountId32, DispatchError, DispatchResult};

use crate::{
    preset::{Preset, TAO, genesis_storage},
    runtime::{Runtime, RuntimeOrigin, SubtensorModule, System},
};

mod blocks;
mod calls;
mod commits;
mod conformance;
mod endings;
mod epochs;
mod info;

pub(super) type Error = super::Error<Runtime>;

/// A chain as a preset makes it, at block 1.
pub(super) fn chain(preset: &Preset) -> TestExternalities {
    let mut chain = TestExternalities::new(genesis_storage(preset, 250).unwrap());
    chain.execute_with(|| System::set_block_number(1));
    chain
}

/// The texts of a file of records, each with its path: the part that lies in the folder `part` of the project, and the file in
/// the folder that `ASSAY_ORACLE` names, or else in `shared/oracle` beside the checkout where that is present.
pub(super) fn records(file: &str, part: &str) -> Vec<(String, String)> {
    // A relative path is seen from the project's root, wherever the test runs.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let beside = root.join("../shared/oracle").join(file);
    // Who names a folder wants it read, whatever is in it.
    let other = match std::env::var_os("ASSAY_ORACLE") {
        Some(folder) => Some(root.join(folder).join(file)),
        None if beside.exists() => Some(beside),
        None => {
            println!("skipped: no {}", beside.display());
            None
        }
    };
    let read = |path: std::path::PathBuf| {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        assert!(!text.trim().is_empty(), "{} is empty", path.display());
        (path.display().to_string(), text)
    };
    std::iter::once(root.join(part).join(file)).chain(other).map(read).collect()
}

pub(super) fn account(number: u64) -> AccountId32 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    AccountId32::new(bytes)
}

pub(super) fn signed(who: &AccountId32) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.clone())
}

pub(super) fn alice() -> AccountId32 {
    Sr25519Keyring::Alice.to_account_id()
}

pub(super) fn at(block: u32) {
    System::set_block_number(block);
}

/// Registers a subnet of Alice's with hotkey 100 as uid 0, started; returns its netuid.
pub(super) fn subnet() -> u16 {
    assert_ok!(SubtensorModule::register_network(signed(&alice()), account(100)));
    assert_ok!(SubtensorModule::start_call(signed(&alice()), 2));
    2
}

pub(super) fn register(netuid: u16, hotkey: u64) -> DispatchResult {
    SubtensorModule::burned_register(signed(&alice()), netuid, account(hotkey))
}

#[test]
fn genesis_is_that_of_subtensors_localnet() {
    chain(&Preset::mainnet()).execute_with(|| {
        use super::*;
        assert_eq!(TotalNetworks::<Runtime>::get(), 2);
        assert_eq!((MaxAllowedUids::<Runtime>::get(0), Tempo::<Runtime>::get(0)), (64, 100));
        assert_eq!((SubnetTAO::<Runtime>::get(1), SubnetAlphaIn::<Runtime>::get(1)), (10 * TAO, 10 * TAO));
        assert_eq!((SubnetworkN::<Runtime>::get(1), Keys::<Runtime>::get(1, 0)), (1, account(0)));
        assert_eq!(pallet_balances::Pallet::<Runtime>::free_balance(alice()), 1_000_000 * TAO);
    });
}

#[test]
fn new_subnets_take_the_values_of_the_preset() {
    chain(&Preset::dev()).execute_with(|| {
        use super::*;
        let netuid = subnet();
        assert_eq!((Tempo::<Runtime>::get(netuid), WeightsSetRateLimit::<Runtime>::get(netuid)), (20, 0));
        assert!(CommitRevealWeightsEnabled::<Runtime>::get(netuid));
    });
    chain(&Preset::dev().plain_weights()).execute_with(|| {
        assert!(!super::CommitRevealWeightsEnabled::<Runtime>::get(subnet()));
    });
    chain(&Preset::mainnet()).execute_with(|| {
        use super::*;
        let netuid = subnet();
        assert_eq!((Tempo::<Runtime>::get(netuid), WeightsSetRateLimit::<Runtime>::get(netuid)), (360, 100));
        assert!(CommitRevealWeightsEnabled::<Runtime>::get(netuid));
    });
}
