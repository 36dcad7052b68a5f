//! The calls against records of the real pallet, where they are at hand.

use frame_support::traits::fungible::Mutate as _;
use parity_scale_codec::{Decode as _, Encode as _};
use serde_json::{Value, json};

use super::*;
use crate::{
    runtime::{Balances, RuntimeCall, RuntimeEvent},
    subtensor::{self as pallet, types::FixedU128},
};

type P = pallet::Pallet<Runtime>;

/// Topics of which this chain has the calls.
const TOPICS: [&str; 11] = [
    "replace",
    "burn_price",
    "tempo_epoch",
    "set_weights",
    "set_mechanism_weights",
    "serve_axon",
    "register",
    "register_network",
    "start_call",
    "add_stake",
    "production_constants",
];
/// What the recording runtime set differently; nothing that these calls decide.
const MOCK_CONSTANTS: [&str; 14] = [
    "Rho",
    "MinAllowedUids",
    "Difficulty",
    "MinDifficulty",
    "MaxDifficulty",
    "MaxRegistrationsPerBlock",
    "TxRateLimit",
    "MinDelegateTake",
    "MaxBurn",
    "NetworkLockReductionInterval",
    "TaoWeight",
    "SubnetOwnerCut",
    "MaxEpochsPerBlock",
    "ServingRateLimit",
];
/// Records about things that this chain does not do.
const SKIPPED: [(&str, &str); 2] = [
    ("register_network-013", "dissolves a subnet"),
    ("add_stake-007", "pays the whole balance of a chain with another existential deposit"),
];

#[test]
fn calls_do_what_the_real_pallet_does() {
    let Some(records) = recorded("oracle/calls.jsonl") else {
        eprintln!("skipped: no records of the real pallet");
        return;
    };
    let records = String::from_utf8(records).unwrap();
    let mut played = 0;
    let mut wrong = Vec::new();
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let id = record["id"].as_str().unwrap();
        let skipped = SKIPPED.iter().any(|(skipped, _)| *skipped == id);
        if skipped || !TOPICS.contains(&record["topic"].as_str().unwrap()) || !playable(&record) {
            continue;
        }
        played += 1;
        wrong.extend(play(&record).into_iter().map(|difference| format!("{id}: {difference}")));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(played >= 100, "only {played} records were played");
}

fn playable(record: &Value) -> bool {
    let steps = record["steps"].as_array().unwrap();
    steps.iter().all(|step| step.get("call").is_none_or(|call| to_call(call).is_some()))
}

fn play(record: &Value) -> Vec<String> {
    let mock = record["env"] == "mock";
    let mut wrong = Vec::new();
    let mut chain = TestExternalities::default();
    chain.execute_with(|| {
        at(1);
        if mock {
            mock_constants();
        }
        for op in record["setup"].as_array().unwrap() {
            apply(op);
        }
        for (index, step) in record["steps"].as_array().unwrap().iter().enumerate() {
            match step.get("call") {
                Some(call) => wrong.extend(call_step(step, call)),
                None if step["op"] == "advance" => {
                    advance(n(&step["blocks"]));
                    let found: Vec<Value> = events().into_iter().filter(|event| event["name"] != "BurnSet").collect();
                    if json!(found) != step["events"] {
                        wrong.push(format!("step {index}: events are {found:?}, not {}", step["events"]));
                    }
                }
                None => apply(step),
            }
            for after in step["after"].as_array().into_iter().flatten() {
                let name = after["storage"].as_str().unwrap();
                let same_constant = !mock || !MOCK_CONSTANTS.contains(&name);
                if let Some(found) = read(after).filter(|found| same_constant && *found != after["value"]) {
                    // The existential deposit of the recording runtime is 1.
                    if mock && name == "free_balance" && found == json!(500) && after["value"] == json!(1) {
                        continue;
                    }
                    wrong.push(format!("step {index}: {name}{} is {found}, not {}", after["keys"], after["value"]));
                }
            }
        }
    });
    wrong
}

fn advance(blocks: u32) {
    use frame_support::traits::Hooks as _;
    System::reset_events();
    for _ in 0..blocks {
        let block = System::block_number() + 1;
        at(block);
        P::on_initialize(block);
    }
}

fn mock_constants() {
    pallet::NetworkMinLockCost::<Runtime>::put(100 * TAO);
    pallet::NetworkLastLockCost::<Runtime>::put(100 * TAO);
    pallet::NetworkLockReductionInterval::<Runtime>::put(2);
    pallet::NetworkRateLimit::<Runtime>::put(0);
    pallet::TaoWeight::<Runtime>::put(0);
    pallet::MaxEpochsPerBlock::<Runtime>::put(32);
    let mut new = pallet::types::SubnetDefaults::MAINNET;
    new.serving_rate_limit = 0;
    pallet::NewSubnet::<Runtime>::put(new);
    for netuid in 0..5 {
        pallet::MaxBurn::<Runtime>::insert(netuid, TAO);
        pallet::ServingRateLimit::<Runtime>::insert(netuid, 0);
    }
}

fn call_step(step: &Value, recorded: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let RuntimeCall::SubtensorModule(call) = to_call(recorded).unwrap() else { unreachable!() };
    let origin = match &step["origin"] {
        Value::String(name) if name == "root" => RuntimeOrigin::root(),
        Value::String(_) => RuntimeOrigin::none(),
        who => signed(&to_account(who)),
    };
    if step["origin"].is_u64() {
        let pool = match P::admit(&to_account(&step["origin"]), &call) {
            Ok(()) => json!("valid"),
            Err(code) => json!(code),
        };
        let expected = if step["pool"] == "valid" { json!("valid") } else { step["pool"]["custom"].clone() };
        if pool != expected {
            wrong.push(format!("pool says {pool}, not {}", step["pool"]));
        }
    }
    System::reset_events();
    let result = match frame_support::storage::with_storage_layer(|| dispatch(call, origin)) {
        Ok(()) => json!("ok"),
        Err(DispatchError::BadOrigin) => json!({"error": "BadOrigin"}),
        Err(DispatchError::Module(module)) => json!({"error": module.message}),
        Err(other) => json!(format!("{other:?}")),
    };
    if result != step["result"] {
        wrong.push(format!("{} gives {result}, not {}", recorded["name"], step["result"]));
    }
    let found = events();
    if json!(found) != step["events"] {
        wrong.push(format!("events are {found:?}, not {}", step["events"]));
    }
    wrong
}

fn dispatch(call: pallet::Call<Runtime>, origin: RuntimeOrigin) -> DispatchResult {
    use frame_support::traits::UnfilteredDispatchable as _;
    call.dispatch_bypass_filter(origin).map(|_| ()).map_err(|error| error.error)
}

fn events() -> Vec<Value> {
    let subtensor = System::events().into_iter().filter_map(|record| match record.event {
        RuntimeEvent::SubtensorModule(event) => Some(event),
        _ => None,
    });
    subtensor.map(|event| event_json(&event)).collect()
}

fn event_json(event: &pallet::Event<Runtime>) -> Value {
    use pallet::Event as E;
    let (name, fields) = match event {
        E::NetworkAdded(a, b) => ("NetworkAdded", json!([a, b])),
        E::StakeAdded(a, b, c, d, e, f) => ("StakeAdded", json!([number(a), number(b), c, d, e, f])),
        E::WeightsSet(a, b) => ("WeightsSet", json!([a, b])),
        E::NeuronRegistered(a, b, c) => ("NeuronRegistered", json!([a, b, number(c)])),
        E::MaxAllowedUidsSet(a, b) => ("MaxAllowedUidsSet", json!([a, b])),
        E::MinAllowedWeightSet(a, b) => ("MinAllowedWeightSet", json!([a, b])),
        E::ImmunityPeriodSet(a, b) => ("ImmunityPeriodSet", json!([a, b])),
        E::MaxAllowedValidatorsSet(a, b) => ("MaxAllowedValidatorsSet", json!([a, b])),
        E::AxonServed(a, b) => ("AxonServed", json!([a, number(b)])),
        E::RegistrationAllowed(a, b) => ("RegistrationAllowed", json!([a, b])),
        E::RAORecycledForRegistrationSet(a, b) => ("RAORecycledForRegistrationSet", json!([a, b])),
        E::SubnetOwnerHotkeySet(a, b) => ("SubnetOwnerHotkeySet", json!([a, number(b)])),
        E::FirstEmissionBlockNumberSet(a, b) => ("FirstEmissionBlockNumberSet", json!([a, b])),
        E::BurnSet(a, b) => ("BurnSet", json!([a, b])),
        E::IncentiveAlphaEmittedToMiners { netuid, emissions } => {
            ("IncentiveAlphaEmittedToMiners", json!({"netuid": netuid, "emissions": emissions}))
        }
        E::EpochDeferred { netuid, from_block, to_block } => {
            ("EpochDeferred", json!({"netuid": netuid, "from_block": from_block, "to_block": to_block}))
        }
        E::EpochSkipped { netuid, block } => ("EpochSkipped", json!({"netuid": netuid, "block": block})),
        E::__Ignore(..) => unreachable!(),
    };
    json!({"name": name, "fields": fields})
}

fn number(account: &AccountId32) -> Value {
    let bytes: &[u8; 32] = account.as_ref();
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    if bytes[8..] == [0; 24] { json!(number) } else { json!(format!("0x{}", hex::encode(bytes))) }
}

pub(super) fn to_account(value: &Value) -> AccountId32 {
    match value {
        Value::String(text) => {
            AccountId32::new(hex::decode(text.trim_start_matches("0x")).unwrap().try_into().unwrap())
        }
        number => account(number.as_u64().unwrap()),
    }
}

pub(super) fn n<N: TryFrom<u64>>(value: &Value) -> N {
    let wide = value.as_u64().or_else(|| value.as_bool().map(u64::from)).unwrap();
    N::try_from(wide).ok().unwrap()
}

fn list(value: &Value) -> Vec<u16> {
    value.as_array().unwrap().iter().map(n).collect()
}

fn to_call(call: &Value) -> Option<RuntimeCall> {
    use pallet::Call as C;
    let a = &call["args"];
    let call = match call["name"].as_str().unwrap() {
        "set_weights" => C::set_weights {
            netuid: n(&a["netuid"]),
            dests: list(&a["dests"]),
            weights: list(&a["weights"]),
            version_key: n(&a["version_key"]),
        },
        "set_mechanism_weights" => C::set_mechanism_weights {
            netuid: n(&a["netuid"]),
            mecid: n(&a["mecid"]),
            dests: list(&a["dests"]),
            weights: list(&a["weights"]),
            version_key: n(&a["version_key"]),
        },
        "add_stake" => C::add_stake {
            hotkey: to_account(&a["hotkey"]),
            netuid: n(&a["netuid"]),
            amount_staked: n(&a["amount_staked"]),
        },
        "serve_axon" => C::serve_axon {
            netuid: n(&a["netuid"]),
            version: n(&a["version"]),
            ip: a["ip"].as_str().unwrap().parse().unwrap(),
            port: n(&a["port"]),
            ip_type: n(&a["ip_type"]),
            protocol: n(&a["protocol"]),
            placeholder1: n(&a["placeholder1"]),
            placeholder2: n(&a["placeholder2"]),
        },
        "burned_register" => C::burned_register { netuid: n(&a["netuid"]), hotkey: to_account(&a["hotkey"]) },
        "register_network" => C::register_network { hotkey: to_account(&a["hotkey"]) },
        "start_call" => C::start_call { netuid: n(&a["netuid"]) },
        _ => return None,
    };
    let call = RuntimeCall::SubtensorModule(call);
    // What was recorded as a call must survive the wire.
    assert_eq!(RuntimeCall::decode(&mut &call.encode()[..]).as_ref(), Ok(&call));
    Some(call)
}

fn apply(op: &Value) {
    let netuid = || n::<u16>(&op["netuid"]);
    match op["op"].as_str().unwrap() {
        "at_block" => at(n(&op["block"])),
        "fund" => {
            Balances::mint_into(&to_account(&op["account"]), n(&op["rao"])).unwrap();
        }
        "create_network" => create_network(op, netuid()),
        "register" => {
            let (hotkey, coldkey) = (to_account(&op["hotkey"]), to_account(&op["coldkey"]));
            P::own_hotkey(&coldkey, &hotkey).unwrap();
            assert_eq!(P::append_neuron(netuid(), &hotkey, P::block()).unwrap(), n::<u16>(&op["uid"]));
        }
        "own_hotkey" => P::own_hotkey(&to_account(&op["coldkey"]), &to_account(&op["hotkey"])).unwrap(),
        "stake" => {
            let alpha = n(&op["alpha"]);
            P::stake(&to_account(&op["hotkey"]), &to_account(&op["coldkey"]), netuid(), alpha);
            pallet::SubnetAlphaOut::<Runtime>::mutate(netuid(), |out| *out += alpha);
        }
        "permit" => pallet::ValidatorPermit::<Runtime>::mutate(netuid(), |permits| {
            permits[n::<usize>(&op["uid"])] = op["value"].as_bool().unwrap();
        }),
        "set" => set(op),
        other => panic!("unknown op {other}"),
    }
}

fn create_network(op: &Value, netuid: u16) {
    let last_lock = pallet::NetworkLastLockCost::<Runtime>::get();
    P::init_new_network(netuid, P::block());
    pallet::NetworkLastLockCost::<Runtime>::put(last_lock);
    let tempo: u16 = n(&op["tempo"]);
    pallet::Tempo::<Runtime>::insert(netuid, tempo);
    pallet::LastEpochBlock::<Runtime>::insert(netuid, P::block() - u64::from(netuid % tempo.max(1)));
    pallet::SubnetMechanism::<Runtime>::insert(netuid, 1);
    pallet::SubtokenEnabled::<Runtime>::insert(netuid, true);
    pallet::SubnetEmissionEnabled::<Runtime>::insert(netuid, true);
    pallet::SubnetTAO::<Runtime>::insert(netuid, 1000 * TAO);
    pallet::SubnetAlphaIn::<Runtime>::insert(netuid, 1000 * TAO);
    Balances::mint_into(&P::subnet_account(netuid), 1000 * TAO).unwrap();
    if !op["owner_hotkey"].is_null() {
        let (hotkey, coldkey) = (to_account(&op["owner_hotkey"]), to_account(&op["owner_coldkey"]));
        pallet::SubnetOwner::<Runtime>::insert(netuid, &coldkey);
        pallet::SubnetOwnerHotkey::<Runtime>::insert(netuid, &hotkey);
        P::own_hotkey(&coldkey, &hotkey).unwrap();
        P::append_neuron(netuid, &hotkey, P::block()).unwrap();
    }
    System::reset_events();
}

fn set(op: &Value) {
    let (value, keys) = (&op["value"], &op["keys"]);
    let key = || n::<u16>(&keys[0]);
    macro_rules! map {
        ($($name:ident)*) => {
            match op["storage"].as_str().unwrap() {
                $(stringify!($name) => pallet::$name::<Runtime>::mutate(key(), |stored| *stored = from(value)),)*
                "MaxEpochsPerBlock" => pallet::MaxEpochsPerBlock::<Runtime>::put(n::<u8>(value)),
                "StakeThreshold" => pallet::StakeThreshold::<Runtime>::put(n::<u64>(value)),
                "NetworkRateLimit" => pallet::NetworkRateLimit::<Runtime>::put(n::<u64>(value)),
                "SubnetLimit" => pallet::SubnetLimit::<Runtime>::put(n::<u16>(value)),
                "NetworkImmunityPeriod" => pallet::NetworkImmunityPeriod::<Runtime>::put(n::<u64>(value)),
                "NetworkRegistrationStartBlock" => pallet::NetworkRegistrationStartBlock::<Runtime>::put(n::<u64>(value)),
                "StartCallDelay" => pallet::StartCallDelay::<Runtime>::put(n::<u64>(value)),
                other => panic!("unknown storage {other}"),
            }
        };
    }
    map!(CommitRevealWeightsEnabled WeightsSetRateLimit MinAllowedWeights MaxBurn BurnIncreaseMult Burn
        NetworkRegistrationAllowed MaxAllowedUids MechanismCountCurrent LastUpdate Incentive ServingRateLimit
        WeightsVersionKey SubtokenEnabled Emission ImmunityPeriod MinNonImmuneUids ImmuneOwnerUidsLimit
        BurnHalfLife LastEpochBlock PendingEpochAt Tempo MinBurn);
}

trait FromJson {
    fn from_json(value: &Value) -> Self;
}

macro_rules! from_number {
    ($($type:ty)*) => { $(impl FromJson for $type { fn from_json(value: &Value) -> Self { n(value) } })* };
}
from_number!(u8 u16 u64);

impl FromJson for bool {
    fn from_json(value: &Value) -> Self {
        value.as_bool().unwrap()
    }
}

impl<E: FromJson> FromJson for Vec<E> {
    fn from_json(value: &Value) -> Self {
        value.as_array().unwrap().iter().map(E::from_json).collect()
    }
}

impl FromJson for FixedU128 {
    fn from_json(value: &Value) -> Self {
        Self { bits: value["bits"].as_str().unwrap().parse().unwrap() }
    }
}

fn from<V: FromJson>(value: &Value) -> V {
    V::from_json(value)
}

/// The value under a recorded name, or none when this chain has no such thing.
fn read(after: &Value) -> Option<Value> {
    let keys = &after["keys"];
    let key = || n::<u16>(&keys[0]);
    macro_rules! read {
        (plain: $($plain:ident)*; map: $($map:ident)*) => {
            match after["storage"].as_str().unwrap() {
                $(stringify!($plain) => json!(pallet::$plain::<Runtime>::get()),)*
                $(stringify!($map) => json!(pallet::$map::<Runtime>::get(key())),)*
                "Weights" => json!(pallet::Weights::<Runtime>::get(key(), n::<u16>(&keys[1]))),
                "Bonds" => json!(pallet::Bonds::<Runtime>::get(key(), n::<u16>(&keys[1]))),
                "Uids" => json!(pallet::Uids::<Runtime>::get(key(), to_account(&keys[1]))),
                "Keys" => number(&pallet::Keys::<Runtime>::get(key(), n::<u16>(&keys[1]))),
                "BlockAtRegistration" => json!(pallet::BlockAtRegistration::<Runtime>::get(key(), n::<u16>(&keys[1]))),
                "IsNetworkMember" => json!(pallet::IsNetworkMember::<Runtime>::get(to_account(&keys[0]), n::<u16>(&keys[1]))),
                "TotalHotkeyAlpha" => json!(pallet::TotalHotkeyAlpha::<Runtime>::get(to_account(&keys[0]), n::<u16>(&keys[1]))),
                "Owner" => number(&pallet::Owner::<Runtime>::get(to_account(&keys[0]))),
                "OwnedHotkeys" => json!(pallet::OwnedHotkeys::<Runtime>::get(to_account(&keys[0])).iter().map(number).collect::<Vec<_>>()),
                "SubnetOwner" => number(&pallet::SubnetOwner::<Runtime>::get(key())),
                "SubnetOwnerHotkey" => number(&pallet::SubnetOwnerHotkey::<Runtime>::get(key())),
                "TokenSymbol" => json!(format!("0x{}", hex::encode(pallet::TokenSymbol::<Runtime>::get(key())))),
                "BurnIncreaseMult" => json!({"bits": pallet::BurnIncreaseMult::<Runtime>::get(key()).bits.to_string()}),
                "Axons" => json!(pallet::Axons::<Runtime>::get(key(), to_account(&keys[1])).map(|axon| json!({
                    "block": axon.block, "version": axon.version, "ip": axon.ip.to_string(), "port": axon.port, "ip_type": axon.ip_type,
                    "protocol": axon.protocol, "placeholder1": axon.placeholder1, "placeholder2": axon.placeholder2,
                }))),
                "free_balance" => json!(Balances::free_balance(to_account(&keys[0]))),
                "stake" => json!(P::stake_of(&to_account(&keys[0]), &to_account(&keys[1]), n(&keys[2]))),
                "next_epoch_block" => json!(incentive::schedule::next_epoch(&P::rhythm(key()))),
                "neuron_to_prune" => json!(P::neuron_to_prune(key())),
                "network_lock_cost" => json!(P::network_lock_cost()),
                _ => return None,
            }
        };
    }
    Some(read!(
        plain: TotalNetworks NetworkLastLockCost NetworkMinLockCost NetworkLockReductionInterval NetworkRateLimit
            NetworkImmunityPeriod SubnetLimit StartCallDelay StakeThreshold TxRateLimit AdminFreezeWindow
            OwnerHyperparamRateLimit CommitRevealWeightsVersion MaxMechanismCount MaxEpochsPerBlock MaxDelegateTake
            MinDelegateTake TaoWeight MinActivityCutoff SubnetOwnerCut WeightsVersionKeyRateLimit
            NetworkRegistrationStartBlock NominatorMinRequiredStake;
        map: Tempo MaxAllowedUids MinAllowedUids MaxAllowedValidators MinAllowedWeights MaxWeightsLimit ImmunityPeriod
            ActivityCutoff ActivityCutoffFactorMilli Kappa Rho AlphaSigmoidSteepness BondsMovingAverage BondsPenalty
            BondsResetOn WeightsVersionKey WeightsSetRateLimit ServingRateLimit CommitRevealWeightsEnabled
            RevealPeriodEpochs LiquidAlphaOn Yuma3On AlphaValues Burn MinBurn MaxBurn BurnHalfLife Difficulty
            MinDifficulty MaxDifficulty AdjustmentInterval AdjustmentAlpha TargetRegistrationsPerInterval
            MaxRegistrationsPerBlock NetworkRegistrationAllowed NetworkPowRegistrationAllowed TransferToggle
            SubtokenEnabled SubnetEmissionEnabled OwnerCutEnabled OwnerCutAutoLockEnabled ImmuneOwnerUidsLimit
            MinNonImmuneUids MechanismCountCurrent MechanismEmissionSplit FirstEmissionBlockNumber NetworkRegisteredAt
            SubnetMechanism SubnetworkN SubnetTAO SubnetAlphaIn SubnetAlphaOut SubnetLocked LastEpochBlock PendingEpochAt
            SubnetEpochIndex BlocksSinceLastStep LastMechansimStepBlock MinChildkeyTakePerSubnet
            VotingPowerTrackingEnabled EMAPriceHalvingBlocks RAORecycledForRegistration RegistrationsThisBlock
            NetworksAdded ValidatorPermit LastUpdate Incentive Active Emission Consensus Dividends ValidatorTrust
            StakeWeight
    ))
}
