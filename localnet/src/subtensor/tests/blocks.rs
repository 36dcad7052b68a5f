//! Whole blocks against records of the chain's own pallet.

use std::collections::BTreeMap;

use frame_support::traits::fungible::Mutate as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    runtime::Balances,
    subtensor::{
        self as pallet,
        types::{FixedI128, FixedU128, RecycleOrBurnEnum},
    },
};

type P = pallet::Pallet<Runtime>;

/// Rao by which a stake may differ: the real pallet rounds shares of a hotkey's stake another way.
const SHARE_ROUNDING: u64 = 3;
/// Rao by which a reserve may differ: the real pool computes a purchase from its weights, which differ a little from one
/// half after every injection.
const POOL_ROUNDING: u64 = 5;

#[test]
fn blocks_do_what_the_real_pallet_does() {
    let mut wrong = Vec::new();
    let sources = records("coinbase.jsonl", "incentive/tests/oracle/records");
    for line in sources.iter().flat_map(|(_, text)| text.lines()) {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["id"].as_str().unwrap();
        TestExternalities::default().execute_with(|| {
            let netuids = load(&record);
            let (block, minted) = (n(&record["global"]["block"]), n(&record["global"]["block_emission"]));
            P::run_coinbase(&netuids, block, minted);
            wrong.extend(compare(&record).into_iter().map(|difference| format!("{id}: {difference}")));
        });
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_moving_price_counts_from_the_start_call() {
    use frame_support::traits::Hooks as _;
    let half = 1i128 << 31;
    for (mechanism, expected) in [(1, half / 2), (0, 1 << 32)] {
        chain(&Preset::mainnet()).execute_with(|| {
            let netuid = subnet();
            pallet::SubnetMechanism::<Runtime>::insert(netuid, mechanism);
            pallet::SubnetMovingPrice::<Runtime>::insert(netuid, FixedI128 { bits: 0 });
            pallet::SubnetMovingAlpha::<Runtime>::put(FixedI128 { bits: half });
            pallet::EMAPriceHalvingBlocks::<Runtime>::insert(netuid, 1);
            pallet::SubnetTAO::<Runtime>::insert(netuid, 10 * pallet::SubnetAlphaIn::<Runtime>::get(netuid));
            at(2);
            P::on_initialize(2);
            assert_eq!(pallet::SubnetMovingPrice::<Runtime>::get(netuid).bits, expected, "mechanism {mechanism}");
        });
    }
}

fn to_account(value: &Value) -> AccountId32 {
    account(value.as_u64().unwrap())
}

fn n<N: TryFrom<u64>>(value: &Value) -> N {
    N::try_from(value.as_u64().unwrap()).ok().unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn bits<N: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> N {
    value.as_str().unwrap().parse().unwrap()
}

fn load(record: &Value) -> Vec<u16> {
    let global = &record["global"];
    at(n(&global["block"]));
    pallet::MaxEpochsPerBlock::<Runtime>::put(32);
    pallet::SubnetOwnerCut::<Runtime>::put(n::<u16>(&global["subnet_owner_cut"]));
    pallet::TaoWeight::<Runtime>::put(n::<u64>(&global["tao_weight"]));
    pallet::CKBurn::<Runtime>::put(n::<u64>(&global["ck_burn"]));
    pallet::SubnetTAO::<Runtime>::insert(0, n::<u64>(&global["root_subnet_tao"]));
    let netuids = list(&record["subnets_before"]).map(load_subnet).collect();
    for subnet in list(&record["neurons_before"]) {
        load_neurons(subnet);
    }
    for epoch in list(&record["epoch_inputs"]) {
        load_epoch(n(&epoch["netuid"]), &epoch["in"]);
    }
    netuids
}

fn load_subnet(subnet: &Value) -> u16 {
    let netuid: u16 = n(&subnet["netuid"]);
    macro_rules! put {
        ($($field:literal => $name:ident: $type:ty,)*) => {
            $(pallet::$name::<Runtime>::insert(netuid, n::<$type>(&subnet[$field]));)*
        };
    }
    put! {
        "blocks_since_last_step" => BlocksSinceLastStep: u64,
        "epoch_index" => SubnetEpochIndex: u64,
        "last_epoch_block" => LastEpochBlock: u64,
        "last_mechanism_step_block" => LastMechansimStepBlock: u64,
        "mechanism" => SubnetMechanism: u16,
        "pending_epoch_at" => PendingEpochAt: u64,
        "pending_owner_cut" => PendingOwnerCut: u64,
        "pending_root_alpha" => PendingRootAlphaDivs: u64,
        "pending_server" => PendingServerEmission: u64,
        "pending_validator" => PendingValidatorEmission: u64,
        "subnet_alpha_in" => SubnetAlphaIn: u64,
        "subnet_alpha_out" => SubnetAlphaOut: u64,
        "subnet_tao" => SubnetTAO: u64,
        "tempo" => Tempo: u16,
    }
    let flag = |field: &str| subnet[field].as_bool().unwrap();
    pallet::NetworksAdded::<Runtime>::insert(netuid, true);
    pallet::SubnetEmissionEnabled::<Runtime>::insert(netuid, flag("emission_enabled"));
    pallet::OwnerCutEnabled::<Runtime>::insert(netuid, flag("owner_cut_enabled"));
    pallet::NetworkRegistrationAllowed::<Runtime>::insert(netuid, flag("registration_allowed"));
    pallet::SubtokenEnabled::<Runtime>::insert(netuid, flag("subtoken_enabled"));
    if let Some(first) = subnet["first_emission_block"].as_u64() {
        pallet::FirstEmissionBlockNumber::<Runtime>::insert(netuid, first);
    }
    let burned = FixedU128 { bits: bits(&subnet["miner_burned_u96f32_bits"]) };
    pallet::MinerBurned::<Runtime>::insert(netuid, burned);
    let price = FixedI128 { bits: bits(&subnet["moving_price_i96f32_bits"]) };
    pallet::SubnetMovingPrice::<Runtime>::insert(netuid, price);
    Balances::mint_into(&P::subnet_account(netuid), n::<u64>(&subnet["subnet_tao"]).max(500)).unwrap();
    netuid
}

fn load_neurons(subnet: &Value) {
    let netuid: u16 = n(&subnet["netuid"]);
    if !subnet["owner_hotkey"].is_null() {
        pallet::SubnetOwnerHotkey::<Runtime>::insert(netuid, to_account(&subnet["owner_hotkey"]));
        pallet::SubnetOwner::<Runtime>::insert(netuid, to_account(&subnet["owner_coldkey"]));
    }
    if subnet["recycle_or_burn"] == "Recycle" {
        pallet::RecycleOrBurn::<Runtime>::insert(netuid, RecycleOrBurnEnum::Recycle);
    }
    for neuron in list(&subnet["neurons"]) {
        let (hotkey, owner) = (to_account(&neuron["hotkey"]), to_account(&neuron["owner_coldkey"]));
        P::own_hotkey(&owner, &hotkey).unwrap();
        for stake in list(&neuron["coldkey_stakes"]) {
            P::stake(&hotkey, &to_account(&stake[0]), netuid, n(&stake[1]));
        }
        // Parents are recorded without saying who holds their stake.
        let unnamed = n::<u64>(&neuron["alpha_stake"]) - pallet::TotalHotkeyAlpha::<Runtime>::get(&hotkey, netuid);
        P::stake(&hotkey, &owner, netuid, unnamed);
        if pallet::TotalHotkeyAlpha::<Runtime>::get(&hotkey, 0) == 0 {
            P::stake(&hotkey, &owner, 0, n(&neuron["root_stake"]));
        }
        pallet::Delegates::<Runtime>::insert(&hotkey, n::<u16>(&neuron["take"]));
        pallet::ChildkeyTake::<Runtime>::insert(&hotkey, netuid, n::<u16>(&neuron["childkey_take"]));
        let relatives = |field: &str| {
            list(&neuron[field]).map(|pair| (bits::<u64>(&pair[0]), to_account(&pair[1]))).collect::<Vec<_>>()
        };
        pallet::ParentKeys::<Runtime>::insert(&hotkey, netuid, relatives("parents"));
        pallet::ChildKeys::<Runtime>::insert(&hotkey, netuid, relatives("children"));
    }
}

/// What the epoch reads besides stake, which stands with the neurons.
fn load_epoch(netuid: u16, input: &Value) {
    let keys = input["hotkeys"].as_array().unwrap();
    for (uid, (hotkey, registered)) in (0..).zip(keys.iter().zip(list(&input["block_at_registration"]))) {
        pallet::Keys::<Runtime>::insert(netuid, uid, to_account(hotkey));
        pallet::Uids::<Runtime>::insert(netuid, to_account(hotkey), uid);
        pallet::BlockAtRegistration::<Runtime>::insert(netuid, uid, n::<u64>(registered));
    }
    pallet::SubnetworkN::<Runtime>::insert(netuid, u16::try_from(keys.len()).unwrap());
    pallet::CommitRevealWeightsEnabled::<Runtime>::insert(netuid, false);
    pallet::MaxAllowedValidators::<Runtime>::insert(netuid, n::<u16>(&input["max_allowed_validators"]));
    pallet::Kappa::<Runtime>::insert(netuid, n::<u16>(&input["kappa"]));
    pallet::BondsPenalty::<Runtime>::insert(netuid, n::<u16>(&input["bonds_penalty"]));
    pallet::BondsMovingAverage::<Runtime>::insert(netuid, n::<u64>(&input["bonds_moving_average"]));
    pallet::Yuma3On::<Runtime>::insert(netuid, input["yuma3_on"].as_bool().unwrap());
    pallet::LiquidAlphaOn::<Runtime>::insert(netuid, input["liquid_alpha_on"].as_bool().unwrap());
    let permits: Vec<bool> = list(&input["validator_permit"]).map(|permit| n::<u8>(permit) == 1).collect();
    pallet::ValidatorPermit::<Runtime>::insert(netuid, permits);
    pallet::LastUpdate::<Runtime>::insert(netuid, list(&input["last_update"]).map(n).collect::<Vec<u64>>());
    for row in list(&input["weights"]) {
        let entries: Vec<(u16, u16)> = list(&row[1]).map(n).zip(list(&row[2]).map(n)).collect();
        pallet::Weights::<Runtime>::insert(netuid, n::<u16>(&row[0]), entries);
    }
    for row in list(&input["bonds"]) {
        let entries: Vec<(u16, u16)> = list(&row[1]).map(n).zip(list(&row[2]).map(n)).collect();
        pallet::Bonds::<Runtime>::insert(netuid, n::<u16>(&row[0]), entries);
    }
}

fn compare(record: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for subnet in list(&record["subnets_after"]) {
        wrong.extend(compare_subnet(subnet));
    }
    for epoch in list(&record["distribution"]) {
        let netuid: u16 = n(&epoch["netuid"]);
        let found = BTreeMap::from([
            ("consensus", json!(pallet::Consensus::<Runtime>::get(netuid))),
            ("dividends_u16", json!(pallet::Dividends::<Runtime>::get(netuid))),
            ("incentive_u16", json!(pallet::Incentive::<Runtime>::get(netuid))),
        ]);
        wrong.extend(different(netuid, &found, epoch));
    }
    for subnet in list(&record["neurons_after"]) {
        let netuid: u16 = n(&subnet["netuid"]);
        for neuron in list(&subnet["neurons"]) {
            wrong.extend(compare_neuron(netuid, neuron));
        }
    }
    wrong
}

fn compare_subnet(subnet: &Value) -> Vec<String> {
    let netuid: u16 = n(&subnet["netuid"]);
    macro_rules! read {
        ($($field:literal => $name:ident,)*) => {
            BTreeMap::from([$(($field, json!(pallet::$name::<Runtime>::get(netuid))),)*])
        };
    }
    let mut found = read! {
        "blocks_since_last_step" => BlocksSinceLastStep,
        "epoch_index" => SubnetEpochIndex,
        "last_epoch_block" => LastEpochBlock,
        "last_mechanism_step_block" => LastMechansimStepBlock,
        "pending_epoch_at" => PendingEpochAt,
        "pending_owner_cut" => PendingOwnerCut,
        "pending_root_alpha" => PendingRootAlphaDivs,
        "pending_server" => PendingServerEmission,
        "pending_validator" => PendingValidatorEmission,
        "subnet_alpha_in_emission" => SubnetAlphaInEmission,
        "subnet_alpha_out_emission" => SubnetAlphaOutEmission,
        "subnet_excess_tao" => SubnetExcessTao,
        "subnet_tao" => SubnetTAO,
        "subnet_tao_in_emission" => SubnetTaoInEmission,
    };
    let burned = pallet::MinerBurned::<Runtime>::get(netuid).bits.to_string();
    found.insert("miner_burned_u96f32_bits", json!(burned));
    let mut wrong = different(netuid, &found, subnet);
    for (field, found) in [
        ("subnet_alpha_in", pallet::SubnetAlphaIn::<Runtime>::get(netuid)),
        ("subnet_alpha_out", pallet::SubnetAlphaOut::<Runtime>::get(netuid)),
    ] {
        let expected: u64 = n(&subnet[field]);
        if found.abs_diff(expected) > POOL_ROUNDING {
            wrong.push(format!("{netuid} {field} is {found}, not {expected}"));
        }
    }
    wrong
}

fn different(netuid: u16, found: &BTreeMap<&str, Value>, expected: &Value) -> Vec<String> {
    let differs = found.iter().filter(|(field, value)| expected[**field] != **value);
    differs.map(|(field, value)| format!("{netuid} {field} is {value}, not {}", expected[*field])).collect()
}

fn compare_neuron(netuid: u16, neuron: &Value) -> Vec<String> {
    let hotkey = to_account(&neuron["hotkey"]);
    let found = BTreeMap::from([
        ("alpha_dividends", json!(pallet::AlphaDividendsPerSubnet::<Runtime>::get(netuid, &hotkey))),
        ("root_alpha_dividends", json!(pallet::RootAlphaDividendsPerSubnet::<Runtime>::get(netuid, &hotkey))),
    ]);
    let mut wrong = different(netuid, &found, neuron);
    let stakes = list(&neuron["coldkey_stakes"]).map(|pair| (to_account(&pair[0]), n::<u64>(&pair[1])));
    for (coldkey, expected) in stakes {
        let held = P::stake_of(&hotkey, &coldkey, netuid);
        if held.abs_diff(expected) > SHARE_ROUNDING {
            wrong.push(format!("{netuid} stake behind {} is {held}, not {expected}", neuron["hotkey"]));
        }
    }
    wrong
}
