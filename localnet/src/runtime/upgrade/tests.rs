use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use frame_support::dispatch::GetDispatchInfo as _;
use runtime_metadata::items::{SERVE_AXON, SET_MECHANISM_WEIGHTS};
use runtime_metadata::{Status, check};
use scale_info::TypeDef;
use subxt::Metadata;

use super::*;
use crate::runtime::{RuntimeCall, tests::genesis};
use crate::subtensor::Call;

const FORMS: [Form; 4] = [Form::MovedCalls, Form::NetuidNewtype, Form::NewArgument, Form::NoWeights];

fn weights() -> RuntimeCall {
    let (dests, weights) = (vec![1, 2], vec![65535, 100]);
    Call::set_mechanism_weights { netuid: 1, mecid: 0, dests, weights, version_key: 7 }.into()
}

/// A call inside two others.
fn wrapped(call: RuntimeCall) -> RuntimeCall {
    let batch = pallet_utility::Call::batch_all { calls: vec![call.clone(), call] };
    pallet_sudo::Call::sudo { call: Box::new(batch.into()) }.into()
}

/// The index of a call of the pallet as a form shows it.
fn index(form: Form, call: &str) -> Option<u8> {
    genesis().execute_with(|| {
        let native = Runtime::metadata_at_version(15).unwrap();
        let shown = form.shown(native);
        let metadata = Metadata::decode_from(&shown).unwrap();
        metadata.pallet_by_name("SubtensorModule").unwrap().call_variant_by_name(call).map(|call| call.index)
    })
}

fn native(form: Form, bytes: &[u8]) -> Result<Vec<u8>, DialectError> {
    genesis().execute_with(|| Dialect::of(form).unwrap().native(bytes))
}

#[test]
fn every_version_of_the_metadata_shows_the_form() {
    genesis().execute_with(|| {
        for form in FORMS {
            let reports: Vec<_> = [15, 16]
                .into_iter()
                .map(|version| {
                    check(&Metadata::decode_from(&form.shown(Runtime::metadata_at_version(version).unwrap())).unwrap())
                })
                .collect();
            assert_eq!(reports[0], reports[1], "{form:?}");
            let serve = reports[0].entries.iter().find(|entry| entry.name == SERVE_AXON.to_string()).unwrap();
            let handled = matches!(serve.status, Status::Handled(_));
            assert_eq!(handled, [Form::NetuidNewtype, Form::NewArgument].contains(&form), "{form:?}: {serve}");
            assert_eq!(reports[0].obstacle(&SET_MECHANISM_WEIGHTS).is_some(), form == Form::NoWeights, "{form:?}");
        }
        let v14 = Form::MovedCalls.shown(OpaqueMetadata::new(Runtime::metadata().into()));
        let v14 = RuntimeMetadataPrefixed::decode_all(&mut v14.as_slice()).unwrap();
        let RuntimeMetadata::V14(v14) = v14.1 else { panic!("not V14") };
        let calls = v14.pallets.iter().find(|pallet| pallet.name == "SubtensorModule").unwrap().calls.as_ref().unwrap();
        let TypeDef::Variant(calls) = &v14.types.resolve(calls.ty.id).unwrap().type_def else { panic!("no calls") };
        assert_eq!(calls.variants.iter().find(|call| call.name == "serve_axon").unwrap().index, 4 ^ 0x80);
    });
}

#[test]
fn a_moved_call_is_read_however_deep_it_stands() {
    assert_eq!(
        (index(Form::Plain, "set_mechanism_weights"), index(Form::MovedCalls, "set_mechanism_weights")),
        (Some(119), Some(247))
    );
    let mut sent = weights().encode();
    assert_eq!(sent[..2], [7, 119]);
    sent[1] = 247;
    assert_eq!(native(Form::MovedCalls, &sent).unwrap(), weights().encode());
    let old = weights().encode();
    assert_eq!(native(Form::MovedCalls, &old), Err(DialectError::Index(119)));
    let mut deep = wrapped(weights()).encode();
    let places: Vec<_> = (0..deep.len() - 1).filter(|at| deep[*at..*at + 2] == [7, 119]).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|at| deep[at + 1] = 247);
    assert_eq!(native(Form::MovedCalls, &deep).unwrap(), wrapped(weights()).encode());
}

#[test]
fn a_newtype_changes_no_byte() {
    for call in [weights(), wrapped(weights())] {
        assert_eq!(native(Form::NetuidNewtype, &call.encode()).unwrap(), call.encode());
    }
}

#[test]
fn a_new_argument_is_read_and_means_nothing() {
    let native = |hint: Option<u32>| native(Form::NewArgument, &[weights().encode(), hint.encode()].concat());
    assert_eq!(native(None).unwrap(), weights().encode());
    assert_eq!(native(Some(9)).unwrap(), weights().encode());
    let old = super::tests::native(Form::NewArgument, &weights().encode());
    assert_eq!(old, Err(DialectError::Length), "the old form is refused");
}

#[test]
fn a_removed_call_is_refused_and_the_others_are_not() {
    assert_eq!(native(Form::NoWeights, &weights().encode()), Err(DialectError::Index(119)));
    let start: RuntimeCall = Call::start_call { netuid: 1 }.into();
    assert_eq!(native(Form::NoWeights, &start.encode()).unwrap(), start.encode());
    assert!(weights().get_dispatch_info().call_weight.ref_time() > 0, "the runtime has it still");
}

#[test]
fn hostile_bytes_are_errors() {
    let bytes = wrapped(weights()).encode();
    for length in 0..bytes.len() {
        assert!(native(Form::NetuidNewtype, &bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(native(Form::NetuidNewtype, &longer), Err(DialectError::Length));
    // A sudo call in a sudo call in a sudo call.
    let nested = [12, 0].repeat(100_000);
    assert_eq!(native(Form::NetuidNewtype, &nested), Err(DialectError::Depth));
    // A remark that promises four gigabytes.
    assert_eq!(native(Form::NetuidNewtype, &[0, 0, 0x03, 0xff, 0xff, 0xff, 0xff]), Err(DialectError::Length));
}
