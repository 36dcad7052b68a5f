//! The runtime as its own metadata describes it: calls, events, errors and storage by name.

use frame_support::dispatch::GetDispatchInfo as _;
use parity_scale_codec::{DecodeAll as _, Encode as _};
use serde_json::{Value, json};
use sp_runtime::{DispatchError, ModuleError};
use subxt::Metadata;
use subxt::metadata::{PalletMetadata, StorageEntryMetadata};

use super::codec;
use crate::{
    runtime::{Runtime, RuntimeCall, System},
    subtensor::tests::{Preset, genesis_storage},
};

/// The pallets of which records have events; names without a pallet belong to the first.
const PALLETS: [&str; 3] = ["SubtensorModule", "AdminUtils", "Commitments"];

/// What a recorded call is here.
pub enum Recorded {
    /// A call of this runtime.
    Call(Box<RuntimeCall>),
    /// Its bytes are no call: a list is longer than its bound.
    Undecodable,
    /// The runtime has no call of that name.
    Unknown,
}

/// The metadata of the runtime under test.
pub struct Interface(Metadata);

impl Interface {
    pub fn of_runtime() -> Self {
        let state = genesis_storage(&Preset::dev(), 250).unwrap();
        let bytes = sp_state_machine::BasicExternalities::new(state)
            .execute_with(|| Runtime::metadata_at_version(16).expect("version 16 is served"));
        Self(Metadata::decode_from(&bytes).unwrap())
    }

    fn pallet<'n>(&self, name: &'n str) -> Option<(PalletMetadata<'_>, &'n str)> {
        let (pallet, item) = name.split_once('.').unwrap_or((PALLETS[0], name));
        Some((self.0.pallet_by_name(pallet)?, item))
    }

    /// The call that `{"name", "args"}` describes.
    pub fn call(&self, call: &Value) -> Result<Recorded, String> {
        let name = call["name"].as_str().ok_or("a call without a name")?;
        let Some((pallet, item)) = self.pallet(name) else { return Ok(Recorded::Unknown) };
        let Some(variant) = pallet.call_variant_by_name(item) else { return Ok(Recorded::Unknown) };
        let mut bytes = vec![pallet.call_index(), variant.index];
        for field in &variant.fields {
            let argument = &call["args"][field.name.as_deref().unwrap_or_default()];
            let encoded = codec::encode(self.0.types(), field.ty.id, argument);
            bytes.extend(encoded.map_err(|misfit| format!("{name}: {misfit}"))?);
        }
        Ok(RuntimeCall::decode_all(&mut &bytes[..])
            .map_or(Recorded::Undecodable, |call| Recorded::Call(Box::new(call))))
    }

    /// Class and fee of a call.
    pub fn dispatch_info(call: &RuntimeCall) -> Value {
        let info = call.get_dispatch_info();
        json!({"class": format!("{:?}", info.class), "pays_fee": info.pays_fee == frame_support::dispatch::Pays::Yes})
    }

    /// What was deposited since the events were last cleared.
    pub fn events(&self) -> Result<Vec<Value>, String> {
        let mut events = Vec::new();
        for record in System::events() {
            let bytes = record.event.encode();
            let mut rest = &bytes[1..];
            let Some(pallet) = self.0.pallet_by_event_index(bytes[0]) else { continue };
            let Some(id) = pallet.event_ty_id().filter(|_| PALLETS.contains(&pallet.name())) else { continue };
            let (name, mut fields) = codec::decode_variant(self.0.types(), id, &mut rest)?;
            self.name_errors(&mut fields);
            let plain = pallet.name() == PALLETS[0];
            let name = if plain { name.to_owned() } else { format!("{}.{name}", pallet.name()) };
            events.push(json!({"name": name, "fields": fields}));
        }
        Ok(events)
    }

    /// Errors inside events stand there by index.
    fn name_errors(&self, fields: &mut Value) {
        for field in fields.as_array_mut().into_iter().flatten() {
            if let Some(module) = field.get("Module") {
                let index = module["index"].as_u64().and_then(|index| u8::try_from(index).ok());
                let error = module["error"].as_str().and_then(|bytes| hex::decode(bytes.strip_prefix("0x")?).ok());
                if let (Some(index), Some(Ok(error))) = (index, error.map(<[u8; 4]>::try_from)) {
                    *field = self.error(&DispatchError::Module(ModuleError { index, error, message: None }));
                }
            } else if *field == json!("BadOrigin") {
                *field = json!({"error": "BadOrigin"});
            }
        }
    }

    /// An error as records name it.
    pub fn error(&self, error: &DispatchError) -> Value {
        let DispatchError::Module(module) = error else { return json!({"error": format!("{error:?}")}) };
        let pallet = self.0.pallet_by_error_index(module.index);
        let name = pallet.and_then(|pallet| Some(&pallet.error_variant_by_index(module.error[0])?.name));
        match pallet.map(|pallet| pallet.name()) {
            Some(pallet) if pallet != PALLETS[0] => json!({"error": name, "pallet": pallet}),
            _ => json!({ "error": name }),
        }
    }

    fn entry(&self, name: &str) -> Result<(String, &StorageEntryMetadata), String> {
        let missing = || format!("there is no storage {name}");
        let (pallet, item) = self.pallet(name).ok_or_else(missing)?;
        let storage = pallet.storage().ok_or_else(missing)?;
        Ok((storage.prefix().to_owned(), storage.entry_by_name(item).ok_or_else(missing)?))
    }

    fn key(&self, name: &str, keys: &Value) -> Result<Vec<u8>, String> {
        let (prefix, entry) = self.entry(name)?;
        let mut path = sp_crypto_hashing::twox_128(prefix.as_bytes()).to_vec();
        path.extend(sp_crypto_hashing::twox_128(entry.name().as_bytes()));
        let none = Vec::new();
        let keys = keys.as_array().unwrap_or(&none);
        if keys.len() != entry.keys().len() {
            return Err(format!("{name} has {} keys", entry.keys().len()));
        }
        for (info, key) in entry.keys().zip(keys) {
            let bytes = codec::encode(self.0.types(), info.key_id, key)?;
            match (info.hasher.len_excluding_key(), info.hasher.ends_with_key()) {
                (0, true) => {}
                (8, true) => path.extend(sp_crypto_hashing::twox_64(&bytes)),
                (16, true) => path.extend(sp_crypto_hashing::blake2_128(&bytes)),
                _ => return Err(format!("{name} has a hasher that is not used here")),
            }
            path.extend(bytes);
        }
        Ok(path)
    }

    /// The value that is stored, else the default of the storage, else null.
    pub fn read(&self, name: &str, keys: &Value) -> Result<Value, String> {
        let stored = sp_io::storage::get(&self.key(name, keys)?);
        let (_, entry) = self.entry(name)?;
        match stored.as_deref().or(entry.default_value()) {
            Some(mut bytes) => codec::decode(self.0.types(), entry.value_ty(), &mut bytes),
            None => Ok(Value::Null),
        }
    }

    /// Writes a value; null removes it.
    pub fn write(&self, name: &str, keys: &Value, value: &Value) -> Result<(), String> {
        let key = self.key(name, keys)?;
        if value.is_null() {
            sp_io::storage::clear(&key);
        } else {
            let (_, entry) = self.entry(name)?;
            sp_io::storage::set(&key, &codec::encode(self.0.types(), entry.value_ty(), value)?);
        }
        Ok(())
    }

    /// Writes a value where there is none.
    pub fn fill(&self, name: &str, keys: &Value, value: &Value) -> Result<(), String> {
        if sp_io::storage::exists(&self.key(name, keys)?) { Ok(()) } else { self.write(name, keys, value) }
    }

    /// The keys of all entries of a map whose keys are a subnet and an account.
    pub fn subnets_and_accounts(&self, name: &str) -> Result<Value, String> {
        let (prefix, entry) = self.entry(name)?;
        let mut path = sp_crypto_hashing::twox_128(prefix.as_bytes()).to_vec();
        path.extend(sp_crypto_hashing::twox_128(entry.name().as_bytes()));
        let ids: Vec<_> = entry.keys().collect();
        let (mut found, mut last) = (Vec::new(), path.clone());
        while let Some(next) = sp_io::storage::next_key(&last).filter(|next| next.starts_with(&path)) {
            let mut rest = &next[path.len()..];
            let mut keys = Vec::new();
            for info in &ids {
                rest = &rest[info.hasher.len_excluding_key()..];
                keys.push(codec::decode(self.0.types(), info.key_id, &mut rest)?);
            }
            found.push(Value::Array(keys));
            last = next;
        }
        Ok(Value::Array(found))
    }
}
