//! One record: its set-up, its steps, and what differs.

use frame_support::traits::{Hooks as _, UnfilteredDispatchable as _, fungible::Mutate as _};
use serde_json::{Value, json};
use sp_io::TestExternalities;
use sp_runtime::{AccountId32, DispatchError};

use super::{
    codec,
    constants::Constants,
    interface::{Interface, Recorded},
};
use crate::{
    runtime::{Balances, Runtime, RuntimeCall, RuntimeOrigin, System},
    subtensor::{
        self as pallet,
        tests::{TAO, at, signed},
    },
};

type P = pallet::Pallet<Runtime>;

/// Plays a record on an empty chain; says for each step what is not as recorded.
pub fn play(interface: &Interface, record: &Value) -> Vec<String> {
    let scenario = Scenario { interface, constants: Constants::of(&record["env"]), env: &record["env"] };
    let mut wrong = Vec::new();
    TestExternalities::default().execute_with(|| {
        at(1);
        if let Err(obstacle) = scenario.set_up(&record["setup"]) {
            return wrong.push(format!("cannot be set up: {obstacle}"));
        }
        for (index, step) in list(&record["steps"]).enumerate() {
            let found = scenario.step(step).unwrap_or_else(|obstacle| vec![obstacle]);
            wrong.extend(found.into_iter().map(|difference| format!("step {index}: {difference}")));
        }
    });
    wrong
}

struct Scenario<'a> {
    interface: &'a Interface,
    constants: Constants,
    env: &'a Value,
}

impl Scenario<'_> {
    fn set_up(&self, ops: &Value) -> Result<(), String> {
        self.constants.apply(self.interface)?;
        list(ops).try_for_each(|op| self.apply(op))
    }

    fn step(&self, step: &Value) -> Result<Vec<String>, String> {
        System::reset_events();
        let mut wrong = match step.get("call") {
            Some(call) => self.call(step, call)?,
            None => {
                self.apply(step)?;
                Vec::new()
            }
        };
        if let Some(expected) = step.get("events") {
            let advancing = step.get("call").is_none();
            let events = self.interface.events()?.into_iter();
            let found: Vec<_> = events.filter(|event| !advancing || event["name"] != "BurnSet").collect();
            if json!(found) != *expected {
                wrong.push(format!("events are {}, not {expected}", json!(found)));
            }
        }
        self.constants.apply(self.interface)?;
        for after in list(&step["after"]) {
            let found = self.read(after)?;
            if found != after["value"] {
                wrong.push(format!("{}{} is {found}, not {}", after["storage"], after["keys"], after["value"]));
            }
        }
        Ok(wrong)
    }

    fn call(&self, step: &Value, recorded: &Value) -> Result<Vec<String>, String> {
        let found = match self.interface.call(recorded)? {
            Recorded::Unknown => return Err(format!("{} is no call", recorded["name"])),
            Recorded::Undecodable => json!({"result": {"error": "Undecodable"}}),
            Recorded::Call(call) => {
                let pool = step.get("pool").map(|_| pool(&step["origin"], &call)).transpose()?;
                let info = Interface::dispatch_info(&call);
                json!({"result": self.dispatch(*call, origin(&step["origin"])?), "pool": pool, "dispatch_info": info})
            }
        };
        // Which of the guard's errors share a code is the runtime's business; the code is what clients see.
        let expected = |field: &str| match &step[field] {
            Value::Object(refusal) if field == "pool" => json!(refusal["custom"]),
            other => other.clone(),
        };
        let differing =
            ["result", "pool", "dispatch_info"].into_iter().filter(|field| found[*field] != expected(field));
        Ok(differing
            .map(|field| format!("{} has {field} {}, not {}", recorded["name"], found[field], step[field]))
            .collect())
    }

    fn dispatch(&self, call: RuntimeCall, origin: RuntimeOrigin) -> Value {
        let done = frame_support::storage::with_storage_layer(|| {
            call.dispatch_bypass_filter(origin).map(drop).map_err(|error| error.error)
        });
        match done {
            Ok(()) => json!("ok"),
            Err(DispatchError::BadOrigin) => json!({"error": "BadOrigin"}),
            Err(error) => self.interface.error(&error),
        }
    }

    fn apply(&self, op: &Value) -> Result<(), String> {
        match op["op"].as_str().unwrap_or_default() {
            "at_block" => at(n(&op["block"])?),
            "advance" => (0..n::<u32>(&op["blocks"])?).for_each(|_| next_block()),
            "fund" => {
                Balances::mint_into(&who(&op["account"])?, n(&op["rao"])?).map_err(|error| format!("{error:?}"))?;
            }
            // The recorder of commitments knows of no subnets.
            "create_network" if self.env == "commitments-mock" => {}
            "create_network" => self.create_network(op)?,
            "register" => {
                let (hotkey, coldkey) = (who(&op["hotkey"])?, who(&op["coldkey"])?);
                P::own_hotkey(&coldkey, &hotkey).map_err(|error| format!("{error:?}"))?;
                let uid =
                    P::append_neuron(n(&op["netuid"])?, &hotkey, P::block()).map_err(|error| format!("{error:?}"))?;
                if op["uid"].is_u64() && op["uid"] != json!(uid) {
                    return Err(format!("the neuron got uid {uid}, not {}", op["uid"]));
                }
            }
            "own_hotkey" => {
                P::own_hotkey(&who(&op["coldkey"])?, &who(&op["hotkey"])?).map_err(|error| format!("{error:?}"))?;
            }
            "stake" => {
                let (netuid, alpha) = (n(&op["netuid"])?, n(&op["alpha"])?);
                P::stake(&who(&op["hotkey"])?, &who(&op["coldkey"])?, netuid, alpha);
                pallet::SubnetAlphaOut::<Runtime>::mutate(netuid, |out| *out += alpha);
            }
            "permit" => {
                let (uid, value) = (n::<usize>(&op["uid"])?, op["value"] == true);
                pallet::ValidatorPermit::<Runtime>::try_mutate(n::<u16>(&op["netuid"])?, |permits| {
                    permits.get_mut(uid).map(|permit| *permit = value).ok_or_else(|| format!("there is no uid {uid}"))
                })?;
            }
            "set" => self.interface.write(storage(op)?, &op["keys"], &op["value"])?,
            other => return Err(format!("unknown op {other}")),
        }
        Ok(())
    }

    /// A subnet as the recorder makes one: see `CALLS.md`.
    fn create_network(&self, op: &Value) -> Result<(), String> {
        let (netuid, tempo, block) = (n::<u16>(&op["netuid"])?, n::<u16>(&op["tempo"])?, P::block());
        P::init_new_network(netuid, block);
        pallet::Tempo::<Runtime>::insert(netuid, tempo);
        let started = block.saturating_sub(u64::from(netuid % tempo.max(1)));
        pallet::LastEpochBlock::<Runtime>::insert(netuid, started);
        pallet::SubnetMechanism::<Runtime>::insert(netuid, 1);
        pallet::SubtokenEnabled::<Runtime>::insert(netuid, true);
        pallet::SubnetEmissionEnabled::<Runtime>::insert(netuid, true);
        pallet::SubnetTAO::<Runtime>::insert(netuid, 1000 * TAO);
        pallet::SubnetAlphaIn::<Runtime>::insert(netuid, 1000 * TAO);
        Balances::mint_into(&P::subnet_account(netuid), 1000 * TAO).map_err(|error| format!("{error:?}"))?;
        if !op["owner_hotkey"].is_null() {
            let (hotkey, coldkey) = (who(&op["owner_hotkey"])?, who(&op["owner_coldkey"])?);
            pallet::SubnetOwner::<Runtime>::insert(netuid, &coldkey);
            pallet::SubnetOwnerHotkey::<Runtime>::insert(netuid, &hotkey);
            P::own_hotkey(&coldkey, &hotkey).map_err(|error| format!("{error:?}"))?;
            P::append_neuron(netuid, &hotkey, block).map_err(|error| format!("{error:?}"))?;
        }
        Ok(())
    }

    /// The value under a recorded name: a storage of the runtime, or what the recorder asked the pallet.
    fn read(&self, after: &Value) -> Result<Value, String> {
        let keys = &after["keys"];
        Ok(match storage(after)? {
            "free_balance" => json!(Balances::free_balance(who(&keys[0])?)),
            "stake" => json!(P::stake_of(&who(&keys[0])?, &who(&keys[1])?, n(&keys[2])?)),
            "next_epoch_block" => json!(incentive::schedule::next_epoch(&P::rhythm(n(&keys[0])?))),
            "neuron_to_prune" => json!(P::neuron_to_prune(n(&keys[0])?)),
            "network_lock_cost" => json!(P::network_lock_cost()),
            "bonds_reset_hook_calls" => self.interface.subnets_and_accounts("Commitments.LastBondsReset")?,
            name => self.interface.read(name, keys)?,
        })
    }
}

/// A block as the recorder advances: the hooks of the pallets that it ran.
fn next_block() {
    let block = System::block_number() + 1;
    at(block);
    P::on_initialize(block);
}

fn pool(origin: &Value, call: &RuntimeCall) -> Result<Value, String> {
    Ok(match crate::runtime::extensions::admit(&who(origin)?, call) {
        Ok(()) => json!("valid"),
        Err(code) => json!(code),
    })
}

fn origin(origin: &Value) -> Result<RuntimeOrigin, String> {
    Ok(match origin.as_str() {
        Some("root") => RuntimeOrigin::root(),
        Some("none") => RuntimeOrigin::none(),
        _ => signed(&who(origin)?),
    })
}

fn who(value: &Value) -> Result<AccountId32, String> {
    codec::account(value).map(AccountId32::new)
}

fn storage(item: &Value) -> Result<&str, String> {
    item["storage"].as_str().ok_or_else(|| format!("{item} names no storage"))
}

fn n<N: TryFrom<u64>>(value: &Value) -> Result<N, String> {
    value.as_u64().and_then(|wide| N::try_from(wide).ok()).ok_or_else(|| format!("{value} is no number that fits"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
