//! The pallet inside the runtime, without the engine.

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
mod epochs;
mod info;
mod oracle;

pub(super) type Error = super::Error<Runtime>;

/// A chain as a preset makes it, at block 1.
pub(super) fn chain(preset: &Preset) -> TestExternalities {
    let mut chain = TestExternalities::new(genesis_storage(preset, 250).unwrap());
    chain.execute_with(|| System::set_block_number(1));
    chain
}

/// A file of the folder `shared` beside the checkout; absent on machines that lack it.
pub(super) fn recorded(file: &str) -> Option<Vec<u8>> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find_map(|folder| std::fs::read(folder.join("shared").join(file)).ok())
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
        assert!(!CommitRevealWeightsEnabled::<Runtime>::get(netuid));
    });
    chain(&Preset::mainnet()).execute_with(|| {
        use super::*;
        let netuid = subnet();
        assert_eq!((Tempo::<Runtime>::get(netuid), WeightsSetRateLimit::<Runtime>::get(netuid)), (360, 100));
        assert!(CommitRevealWeightsEnabled::<Runtime>::get(netuid));
    });
}
