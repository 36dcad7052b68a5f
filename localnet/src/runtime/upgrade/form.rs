//! What an upgrade makes of the interface.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v14::StorageEntryType};
use parity_scale_codec::{Decode, DecodeAll as _, Encode};
use scale_info::{
    Field, Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefComposite, TypeDefPrimitive, TypeDefVariant,
    Variant, form::PortableForm, interner::UntrackedSymbol,
};
use serde::{Deserialize, Serialize};
use sp_core::OpaqueMetadata;

type TypeId = UntrackedSymbol<std::any::TypeId>;

/// The pallet that changes.
const PALLET: &str = "SubtensorModule";

/// How the interface of `SubtensorModule` looks. The list is closed: the node reads every form that it shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As this program has it.
    #[default]
    Plain,
    /// Every call has another index.
    MovedCalls,
    /// `netuid` is the newtype `NetUid` in calls, storage keys and runtime APIs, as in spec 429; the bytes stay.
    NetuidNewtype,
    /// Calls that set weights, and `serve_axon`, end with an argument `hint: Option<u32>`, which means nothing.
    NewArgument,
    /// No call that sets weights is left.
    NoWeights,
}

impl Form {
    /// Encoded metadata of any version as it looks in this form.
    pub fn shown(self, native: OpaqueMetadata) -> OpaqueMetadata {
        if self == Self::Plain {
            return native;
        }
        match RuntimeMetadataPrefixed::decode_all(&mut native.as_slice()) {
            Ok(metadata) => OpaqueMetadata::new(self.applied(metadata).encode()),
            // The runtime's own metadata can be read.
            Err(_) => native,
        }
    }

    /// Metadata as it looks in this form.
    pub fn applied(self, mut metadata: RuntimeMetadataPrefixed) -> RuntimeMetadataPrefixed {
        // The versions have types of their own with the same names.
        macro_rules! change {
            ($metadata:ident) => {{
                let Some(at) = $metadata.pallets.iter().position(|pallet| pallet.name == PALLET) else {
                    return metadata;
                };
                let pallet = &mut $metadata.pallets[at];
                if let Some(calls) = &pallet.calls {
                    self.change_calls(&mut $metadata.types, calls.ty.id);
                }
                let netuid = self.netuid(&$metadata.types);
                let entries = pallet.storage.iter_mut().flat_map(|storage| &mut storage.entries);
                entries.for_each(|entry| change_key(&mut $metadata.types, netuid, &mut entry.ty));
                netuid
            }};
        }
        macro_rules! change_inputs {
            ($metadata:ident, $netuid:expr) => {
                let methods = $metadata.apis.iter_mut().flat_map(|api| &mut api.methods);
                let inputs = methods.flat_map(|method| &mut method.inputs).filter(|input| input.name == "netuid");
                inputs.for_each(|input| input.ty = $netuid.unwrap_or(input.ty));
            };
        }
        match &mut metadata.1 {
            RuntimeMetadata::V14(v14) => {
                change!(v14);
            }
            RuntimeMetadata::V15(v15) => {
                let netuid = change!(v15);
                change_inputs!(v15, netuid);
            }
            RuntimeMetadata::V16(v16) => {
                let netuid = change!(v16);
                change_inputs!(v16, netuid);
            }
            _ => {}
        }
        metadata
    }

    fn change_calls(self, types: &mut PortableRegistry, calls: u32) {
        let new = match self {
            Self::NetuidNewtype => Some(declare(
                types,
                "NetUid",
                TypeDefComposite { fields: vec![field(None, number(types, &TypeDefPrimitive::U16))] },
            )),
            Self::NewArgument => Some(declare(types, "Option", option(number(types, &TypeDefPrimitive::U32)))),
            Self::Plain | Self::MovedCalls | Self::NoWeights => None,
        };
        let Some(TypeDef::Variant(calls)) = types.types.get_mut(calls as usize).map(|ty| &mut ty.ty.type_def) else {
            return;
        };
        match (self, new) {
            (Self::MovedCalls, _) => calls.variants.iter_mut().for_each(|call| call.index ^= 0x80),
            (Self::NoWeights, _) => calls.variants.retain(|call| !sets_weights(&call.name)),
            (Self::NewArgument, Some(new)) => {
                let changed =
                    calls.variants.iter_mut().filter(|call| sets_weights(&call.name) || call.name == "serve_axon");
                changed.for_each(|call| call.fields.push(field(Some("hint"), new)));
            }
            (Self::NetuidNewtype, Some(new)) => {
                let fields = calls.variants.iter_mut().flat_map(|call| &mut call.fields);
                fields.filter(|field| field.name.as_deref() == Some("netuid")).for_each(|field| field.ty = new);
            }
            _ => {}
        }
    }

    /// The type of `netuid`, if this form gives it a new one.
    fn netuid(self, types: &PortableRegistry) -> Option<TypeId> {
        let last = types.types.last().filter(|_| self == Self::NetuidNewtype)?;
        Some(last.id.into())
    }
}

/// Every map of the pallet that begins with a number of 16 bits begins with a netuid.
fn change_key(types: &mut PortableRegistry, netuid: Option<TypeId>, entry: &mut StorageEntryType<PortableForm>) {
    let (Some(netuid), StorageEntryType::Map { key, .. }) = (netuid, entry) else { return };
    let u16 = number(types, &TypeDefPrimitive::U16);
    let tuple = match types.resolve(key.id).map(|ty| &ty.type_def) {
        Some(TypeDef::Tuple(tuple)) if tuple.fields.first() == Some(&u16) => tuple.clone(),
        Some(_) | None => {
            *key = if *key == u16 { netuid } else { *key };
            return;
        }
    };
    let mut changed = tuple;
    changed.fields[0] = netuid;
    *key = declare(types, "Key", changed);
}

fn sets_weights(call: &str) -> bool {
    ["set", "batch_set", "commit", "batch_commit"].iter().any(|start| call.starts_with(start))
        && call.ends_with("weights")
}

fn declare(types: &mut PortableRegistry, name: &str, def: impl Into<TypeDef<PortableForm>>) -> TypeId {
    // A list longer than this does not fit into memory.
    let id = u32::try_from(types.types.len()).unwrap_or(u32::MAX);
    let path = Path::from_segments_unchecked([name.to_owned()]);
    types.types.push(PortableType { id, ty: Type::new(path, [], def, Vec::new()) });
    id.into()
}

/// A primitive type, which every runtime has.
fn number(types: &PortableRegistry, wanted: &TypeDefPrimitive) -> TypeId {
    let found = types.types.iter().find(|ty| ty.ty.type_def == TypeDef::Primitive(wanted.clone()));
    found.map_or(u32::MAX, |ty| ty.id).into()
}

fn field(name: Option<&str>, ty: TypeId) -> Field<PortableForm> {
    Field { name: name.map(str::to_owned), ty, type_name: None, docs: Vec::new() }
}

fn option(some: TypeId) -> TypeDefVariant<PortableForm> {
    let variant = |name: &str, index, fields| Variant { name: name.to_owned(), index, fields, docs: Vec::new() };
    TypeDefVariant { variants: vec![variant("None", 0, Vec::new()), variant("Some", 1, vec![field(None, some)])] }
}
