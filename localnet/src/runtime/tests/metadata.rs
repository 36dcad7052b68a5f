//! The interface against the main network's, item by item.

use parity_scale_codec::Decode as _;
use runtime_metadata::check;
use subxt::Metadata;

use super::{dispatch, genesis};
use crate::runtime::Runtime;

const FINNEY: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-metadata/artifacts/finney-424-v16.scale"));
const PALLETS: [&str; 11] = [
    "System",
    "Timestamp",
    "Aura",
    "Balances",
    "TransactionPayment",
    "SubtensorModule",
    "Utility",
    "Sudo",
    "Commitments",
    "AdminUtils",
    "Drand",
];
/// Pallets whose every item is looked at; the others come from where the main network has them.
const OWN_PALLETS: [&str; 4] = ["SubtensorModule", "Commitments", "AdminUtils", "Drand"];
/// Storage that the main network at spec 424 lacks: what a preset writes, and what clients of newer runtimes read.
const OWN_STORAGE: [&str; 5] =
    ["NewSubnet", "AllowLoopback", "SubnetEpochConsensus", "CollateralLockShare", "TotalAlphaStaked"];
/// Calls that carry a `MultiSigner`, which knows one more kind of key in the SDK of this workspace.
const NEWER_SIGNERS: [&str; 2] = ["write_pulse", "set_beacon_config"];
/// Calls of the main network that this chain does not have: hash commits, children, leases, locks, votes, coldkey swaps, moves of
/// stake, claims of root dividends, EVM keys, and what belongs to consensus or the EVM.
const NOT_OFFERED: &str = "SubtensorModule: commit_weights commit_mechanism_weights batch_commit_weights reveal_weights \
    reveal_mechanism_weights batch_reveal_weights root_register swap_coldkey set_childkey_take \
    sudo_set_tx_childkey_take_rate_limit sudo_set_min_childkey_take sudo_set_max_childkey_take set_children \
    schedule_swap_coldkey set_identity unstake_all unstake_all_alpha move_stake transfer_stake swap_stake \
    add_stake_limit remove_stake_limit swap_stake_limit try_associate_hotkey associate_evm_key recycle_alpha \
    burn_alpha set_pending_childkey_cooldown remove_stake_full_limit register_leased_network terminate_lease \
    update_symbol set_coldkey_auto_stake_hotkey claim_root set_root_claim_type sudo_set_num_root_claims \
    sudo_set_root_claim_threshold announce_coldkey_swap swap_coldkey_announced dispute_coldkey_swap \
    reset_coldkey_swap enable_voting_power_tracking disable_voting_power_tracking \
    sudo_set_voting_power_ema_alpha add_stake_burn clear_coldkey_swap_announcement \
    set_auto_parent_delegation_enabled lock_stake move_lock set_perpetual_lock set_reject_locked_alpha; \
    Commitments:; AdminUtils: swap_authorities sudo_set_evm_chain_id schedule_grandpa_change \
    sudo_toggle_evm_precompile; Drand:";

fn ours() -> Metadata {
    use parity_scale_codec::Encode as _;
    let answer = dispatch("Metadata_metadata_at_version", &16u32.encode());
    Metadata::decode_from(&Option::<Vec<u8>>::decode(&mut &answer[..]).unwrap().unwrap()).unwrap()
}

fn finney() -> Metadata {
    Metadata::decode_from(FINNEY).unwrap()
}

#[test]
fn clients_of_this_workspace_find_what_they_need() {
    let report = check(&ours());
    let missing: Vec<_> = report.entries.iter().filter(|entry| entry.is_missing()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(report.spec_version, Some(425));
}

#[test]
fn pallets_stand_where_the_main_network_has_them() {
    let (ours, finney) = (ours(), finney());
    assert_eq!(ours.pallets().len(), PALLETS.len());
    for name in PALLETS {
        let (our, their) = (ours.pallet_by_name(name).unwrap(), finney.pallet_by_name(name).unwrap());
        assert_eq!(our.call_index(), their.call_index(), "{name}");
    }
}

#[test]
fn calls_are_those_of_the_main_network() {
    let (ours, finney) = (ours(), finney());
    for pallet in OWN_PALLETS {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        let calls = our.call_variants().unwrap();
        assert!(!calls.is_empty());
        for call in calls {
            let same = their.call_variant_by_name(&call.name).unwrap_or_else(|| panic!("{} is no call", call.name));
            assert_eq!(same.index, call.index, "{}", call.name);
            let same_types = our.call_hash(&call.name) == their.call_hash(&call.name);
            assert_eq!(same_types, !NEWER_SIGNERS.contains(&call.name.as_str()), "{}", call.name);
        }
    }
}

#[test]
fn errors_and_events_have_the_main_networks_indices() {
    let (ours, finney) = (ours(), finney());
    let names = |variants: &[scale_info::Variant<scale_info::form::PortableForm>]| {
        variants.iter().map(|variant| (variant.index, variant.name.clone())).collect::<Vec<_>>()
    };
    for pallet in OWN_PALLETS {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        assert_eq!(names(our.error_variants().unwrap()), names(their.error_variants().unwrap()));
        let events = names(their.event_variants().unwrap());
        for event in names(our.event_variants().unwrap()) {
            assert!(events.contains(&event), "{event:?}");
        }
    }
}

#[test]
fn calls_that_are_missing_are_those_that_are_listed() {
    let (ours, finney) = (ours(), finney());
    let missing = OWN_PALLETS.map(|pallet| {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        let calls = their.call_variants().unwrap().iter().map(|call| call.name.as_str());
        let names = calls.filter(|name| our.call_variant_by_name(name).is_none()).collect::<Vec<_>>().join(" ");
        format!("{pallet}: {names}").trim_end().to_owned()
    });
    assert_eq!(missing.join("; "), NOT_OFFERED);
}

#[test]
fn events_have_the_main_networks_fields() {
    let (ours, finney) = (ours(), finney());
    let shape = |metadata: &Metadata, event: &scale_info::Variant<scale_info::form::PortableForm>| {
        let fields = event.fields.iter();
        fields.map(|field| (field.name.clone(), metadata.type_hash(field.ty.id))).collect::<Vec<_>>()
    };
    for pallet in OWN_PALLETS {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        for event in our.event_variants().unwrap() {
            let same = their.event_variant_by_index(event.index).unwrap();
            assert_eq!(shape(&ours, event), shape(&finney, same), "{pallet}.{}", event.name);
        }
    }
}

#[test]
fn constants_have_the_main_networks_values() {
    let (ours, finney) = (ours(), finney());
    for pallet in OWN_PALLETS {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        for constant in our.constants() {
            let name = constant.name();
            let same = their.constant_by_name(name).unwrap_or_else(|| panic!("{pallet}.{name} is no constant"));
            assert_eq!(constant.value(), same.value(), "{pallet}.{name}");
            assert_eq!(our.constant_hash(name), their.constant_hash(name), "{pallet}.{name}");
        }
    }
}

#[test]
fn storage_is_that_of_the_main_network() {
    let (ours, finney) = (ours(), finney());
    let mut wrong = Vec::new();
    for pallet in OWN_PALLETS {
        let (our, their) = (ours.pallet_by_name(pallet).unwrap(), finney.pallet_by_name(pallet).unwrap());
        for entry in our.storage().into_iter().flat_map(|storage| storage.entries()) {
            let name = entry.name();
            if OWN_STORAGE.contains(&name) {
                assert!(their.storage_hash(name).is_none(), "{name} exists");
                continue;
            }
            let Some(same) = their.storage().unwrap().entry_by_name(name) else {
                wrong.push(format!("{name} is no storage"));
                continue;
            };
            if entry.default_value() != same.default_value() {
                wrong.push(format!("{name} defaults to {:?}, not {:?}", entry.default_value(), same.default_value()));
            }
            if our.storage_hash(name) != their.storage_hash(name) {
                wrong.push(format!("{name} has another hasher or type"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn runtime_apis_answer_in_the_main_networks_types() {
    let (ours, finney) = (ours(), finney());
    let all = [
        "NeuronInfoRuntimeApi",
        "SubnetInfoRuntimeApi",
        "StakeInfoRuntimeApi",
        "DelegateInfoRuntimeApi",
        "SubnetRegistrationRuntimeApi",
        "SwapRuntimeApi",
    ];
    for api in all {
        let their = finney.runtime_api_trait_by_name(api).unwrap();
        for method in ours.runtime_api_trait_by_name(api).unwrap().methods() {
            let same = their.method_by_name(method.name()).unwrap_or_else(|| panic!("{api}.{}", method.name()));
            assert_eq!(method.hash(), same.hash(), "{api}.{}", method.name());
        }
    }
}

#[test]
fn extensions_come_in_the_main_networks_order() {
    let names = |metadata: &Metadata| {
        let extensions = metadata.extrinsic().transaction_extensions_by_version(0).unwrap();
        extensions.map(|extension| extension.identifier().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&ours()), names(&finney()));
}

#[test]
fn metadata_needs_the_genesis_of_a_chain() {
    // The block time is a constant that lives in storage.
    let metadata = genesis().execute_with(Runtime::metadata);
    assert_eq!(metadata.0, 0x6174_656d);
}
