//! Signed extrinsics, from bytes to the state of a block.

use frame_support::traits::fungible::Inspect as _;
use parity_scale_codec::{Decode as _, Encode as _};
use sp_core::{Pair as _, sr25519};
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
    ApplyExtrinsicResult, DispatchError, DispatchOutcome,
    generic::SignedPayload,
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError},
};
use sp_state_machine::BasicExternalities;

use super::genesis;
use crate::{
    preset::TAO,
    runtime::{
        AccountId, Address, Balances, Header, Runtime, RuntimeCall, Signature, UncheckedExtrinsic, api,
        extensions::immortal, filter::MAX_NESTING,
    },
    subtensor::Call,
};

fn hotkey() -> sr25519::Pair {
    sr25519::Pair::from_seed(&[7; 32])
}

fn account(pair: &sr25519::Pair) -> AccountId {
    pair.public().0.into()
}

fn sign(pair: &sr25519::Pair, nonce: u32, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
    let payload = SignedPayload::new(call.into(), immortal(nonce)).unwrap();
    let signature = payload.using_encoded(|bytes| pair.sign(bytes));
    let (call, extensions, _) = payload.deconstruct();
    UncheckedExtrinsic::new_signed(call, Address::Id(account(pair)), Signature::Sr25519(signature), extensions)
}

fn ask<A: parity_scale_codec::Decode>(method: &str, data: impl parity_scale_codec::Encode) -> A {
    A::decode(&mut &api::dispatch(method, &data.encode()).expect("known")[..]).unwrap()
}

fn apply(extrinsic: &UncheckedExtrinsic) -> DispatchOutcome {
    ask::<ApplyExtrinsicResult>("BlockBuilder_apply_extrinsic", extrinsic).expect("valid")
}

fn validate(extrinsic: &UncheckedExtrinsic) -> TransactionValidity {
    ask("TaggedTransactionQueue_validate_transaction", (TransactionSource::External, extrinsic, sp_core::H256::zero()))
}

/// Inside block 1 of a chain, its timestamp set.
fn in_block(test: impl FnOnce()) {
    let mut chain: BasicExternalities = genesis();
    chain.execute_with(|| {
        let header = Header::new_from_number(1);
        let _: Vec<u8> = api::dispatch("Core_initialize_block", &header.encode()).unwrap();
        let set = RuntimeCall::Timestamp(pallet_timestamp::Call::set { now: 1_000 });
        apply(&UncheckedExtrinsic::new_bare(set)).unwrap();
        test();
    });
}

trait NewHeader {
    fn new_from_number(number: u32) -> Self;
}

impl NewHeader for Header {
    fn new_from_number(number: u32) -> Self {
        use sp_runtime::traits::Header as _;
        Self::new(number, Default::default(), Default::default(), Default::default(), Default::default())
    }
}

/// A subnet of Alice's with the unfunded hotkey on it, as it takes three extrinsics.
fn with_subnet(test: impl FnOnce()) {
    in_block(|| {
        let alice = Sr25519Keyring::Alice.pair();
        let owner = Sr25519Keyring::Ferdie.to_account_id();
        apply(&sign(&alice, 0, Call::register_network { hotkey: owner })).unwrap();
        apply(&sign(&alice, 1, Call::start_call { netuid: 2 })).unwrap();
        apply(&sign(&alice, 2, Call::burned_register { netuid: 2, hotkey: account(&hotkey()) })).unwrap();
        test();
    });
}

fn serve(port: u16) -> Call<Runtime> {
    Call::serve_axon {
        netuid: 2,
        version: 1,
        ip: 0x7f00_0002,
        port,
        ip_type: 4,
        protocol: 4,
        placeholder1: 0,
        placeholder2: 0,
    }
}

fn set_weights(dests: &[u16]) -> Call<Runtime> {
    let weights = vec![1; dests.len()];
    Call::set_mechanism_weights { netuid: 2, mecid: 0, dests: dests.to_vec(), weights, version_key: 0 }
}

#[test]
fn a_hotkey_without_balance_serves_and_weighs() {
    with_subnet(|| {
        let hotkey = hotkey();
        assert_eq!(Balances::total_balance(&account(&hotkey)), 0);
        assert!(validate(&sign(&hotkey, 0, serve(8091))).is_ok());
        apply(&sign(&hotkey, 0, serve(8091))).unwrap();
        apply(&sign(&hotkey, 1, set_weights(&[1]))).unwrap();
        let nonce: u32 = ask("AccountNonceApi_account_nonce", account(&hotkey));
        assert_eq!(nonce, 2);
        assert_eq!(Balances::total_balance(&account(&hotkey)), 0);
    });
}

#[test]
fn a_hotkey_without_balance_pays_for_nothing() {
    with_subnet(|| {
        let transfer = pallet_balances::Call::transfer_keep_alive {
            dest: Address::Id(Sr25519Keyring::Bob.to_account_id()),
            value: 1,
        };
        let refused = validate(&sign(&hotkey(), 0, transfer)).unwrap_err();
        assert_eq!(refused, InvalidTransaction::Payment.into());
    });
}

#[test]
fn a_used_nonce_is_stale_and_a_later_one_waits() {
    with_subnet(|| {
        let alice = Sr25519Keyring::Alice.pair();
        let call = || Call::start_call { netuid: 2 };
        assert_eq!(validate(&sign(&alice, 2, call())).unwrap_err(), InvalidTransaction::Stale.into());
        let waiting = validate(&sign(&alice, 5, call())).unwrap();
        assert_eq!(waiting.requires, [(Sr25519Keyring::Alice.to_account_id(), 4u32).encode()]);
        assert_eq!(waiting.provides, [(Sr25519Keyring::Alice.to_account_id(), 5u32).encode()]);
        let refused: ApplyExtrinsicResult = ask("BlockBuilder_apply_extrinsic", sign(&alice, 5, call()));
        assert_eq!(refused, Err(InvalidTransaction::Future.into()));
    });
}

#[test]
fn the_pool_refuses_by_number() {
    with_subnet(|| {
        let refusal = |extrinsic: &UncheckedExtrinsic| match validate(extrinsic) {
            Err(TransactionValidityError::Invalid(InvalidTransaction::Custom(code))) => Some(code),
            _ => None,
        };
        assert_eq!(refusal(&sign(&hotkey(), 0, serve(0))), Some(13));
        assert_eq!(refusal(&sign(&Sr25519Keyring::Eve.pair(), 0, serve(80))), Some(10));
        crate::subtensor::StakeThreshold::<Runtime>::put(1);
        assert_eq!(refusal(&sign(&hotkey(), 0, set_weights(&[1]))), Some(1));
        crate::subtensor::StakeThreshold::<Runtime>::put(0);
        crate::subtensor::WeightsSetRateLimit::<Runtime>::insert(2, 10);
        assert_eq!(refusal(&sign(&hotkey(), 0, set_weights(&[1]))), Some(6));
        assert_eq!(refusal(&sign(&hotkey(), 0, serve(80))), None);
    });
}

#[test]
fn a_failed_call_names_its_error_and_pays_its_fee() {
    with_subnet(|| {
        let alice = Sr25519Keyring::Alice;
        let before = Balances::balance(&alice.to_account_id());
        let outcome = apply(&sign(&alice.pair(), 3, Call::start_call { netuid: 2 }));
        let Err(DispatchError::Module(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((error.index, error.error[0]), (7, 88));
        let fee = before - Balances::balance(&alice.to_account_id());
        // 0.0005 rao per picosecond of a call's weight and base weight, one rao per byte.
        assert!((50_000..TAO / 1_000).contains(&fee), "{fee}");
    });
}

#[test]
fn only_the_sudo_key_sends_sudo_calls() {
    in_block(|| {
        let remark = || Box::new(frame_system::Call::remark { remark: vec![] }.into());
        let call = || pallet_sudo::Call::sudo { call: remark() };
        assert!(validate(&sign(&Sr25519Keyring::Alice.pair(), 0, call())).is_ok());
        let refused = validate(&sign(&Sr25519Keyring::Bob.pair(), 0, call())).unwrap_err();
        assert_eq!(refused, InvalidTransaction::BadSigner.into());
    });
}

fn nested(depth: u32) -> RuntimeCall {
    let remark: RuntimeCall = frame_system::Call::remark { remark: vec![] }.into();
    (1..depth).fold(remark, |call, _| pallet_utility::Call::batch { calls: vec![call] }.into())
}

#[test]
fn deep_calls_and_new_code_are_refused_at_the_door() {
    in_block(|| {
        let alice = Sr25519Keyring::Alice.pair();
        let refused =
            |call: RuntimeCall| validate(&sign(&alice, 0, call)).err() == Some(InvalidTransaction::Call.into());
        assert!(!refused(nested(MAX_NESTING)));
        assert!(refused(nested(MAX_NESTING + 1)));
        assert!(refused(nested(200)));
        let code: RuntimeCall = frame_system::Call::set_code { code: vec![1] }.into();
        assert!(refused(code.clone()));
        assert!(refused(pallet_sudo::Call::sudo { call: Box::new(code) }.into()));
        let storage = frame_system::Call::set_storage { items: vec![] };
        assert!(!refused(pallet_sudo::Call::sudo { call: Box::new(storage.into()) }.into()));
        apply(&sign(&alice, 0, nested(MAX_NESTING))).unwrap();
    });
}

#[test]
fn a_forged_extrinsic_is_refused() {
    with_subnet(|| {
        let extrinsic = sign(&hotkey(), 0, serve(8091));
        let bytes = extrinsic.encode();
        assert_eq!(UncheckedExtrinsic::decode(&mut &bytes[..]).unwrap().encode(), bytes);
        let mut forged = bytes.clone();
        let middle = bytes.len() / 2;
        forged[middle] ^= 1;
        let refused = UncheckedExtrinsic::decode(&mut &forged[..]).map(|forged| validate(&forged).is_err());
        assert!(refused.unwrap_or(true));
    });
}
