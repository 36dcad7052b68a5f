//! Types of a runtime as text, to compare them with what is expected.

use scale_info::{PortableRegistry, TypeDef, form::PortableForm};

/// Nesting beyond this is cut off: a type of a hostile node may refer to itself.
const DEPTH: u8 = 16;

/// The type as the runtime names it: `Vec<u16>`, `Compact<u64>`, `AccountId32`.
pub fn named(types: &PortableRegistry, id: u32) -> String {
    text(types, id, false, DEPTH)
}

/// The type as it is encoded: wrappers of a single field are looked through, so that a newtype equals what it wraps.
pub fn encoded(types: &PortableRegistry, id: u32) -> String {
    text(types, id, true, DEPTH)
}

/// `expected` with the wrappers of a single field that occur in it looked through.
pub fn unwrapped(expected: &str) -> String {
    expected.replace("AccountId32", "[u8; 32]").replace("H256", "[u8; 32]")
}

/// The named fields of a struct; of the inner one if the type is an `Option` of a struct.
pub fn fields(types: &PortableRegistry, id: u32) -> Vec<(String, u32)> {
    let inner = match types.resolve(id).map(|ty| &ty.type_def) {
        Some(TypeDef::Variant(variant)) => {
            variant.variants.iter().find(|v| v.name == "Some").and_then(|v| v.fields.first()).map_or(id, |f| f.ty.id)
        }
        _ => id,
    };
    match types.resolve(inner).map(|ty| &ty.type_def) {
        Some(TypeDef::Composite(composite)) => {
            composite.fields.iter().filter_map(|f| Some((f.name.clone()?, f.ty.id))).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether values of the type take no bytes.
pub fn is_empty(types: &PortableRegistry, id: u32) -> bool {
    fn empty(types: &PortableRegistry, id: u32, depth: u8) -> bool {
        let Some(ty) = types.resolve(id).filter(|_| depth > 0) else { return false };
        match &ty.type_def {
            TypeDef::Composite(composite) => composite.fields.iter().all(|f| empty(types, f.ty.id, depth - 1)),
            TypeDef::Tuple(tuple) => tuple.fields.iter().all(|f| empty(types, f.id, depth - 1)),
            TypeDef::Array(array) => array.len == 0 || empty(types, array.type_param.id, depth - 1),
            TypeDef::Variant(_)
            | TypeDef::Sequence(_)
            | TypeDef::Primitive(_)
            | TypeDef::Compact(_)
            | TypeDef::BitSequence(_) => false,
        }
    }
    empty(types, id, DEPTH)
}

fn text(types: &PortableRegistry, id: u32, through: bool, depth: u8) -> String {
    let Some(ty) = types.resolve(id).filter(|_| depth > 0) else { return "?".to_owned() };
    let inner = |id| text(types, id, through, depth - 1);
    let name = ty.path.ident();
    match &ty.type_def {
        TypeDef::Primitive(primitive) => format!("{primitive:?}").to_lowercase(),
        TypeDef::Sequence(sequence) => format!("Vec<{}>", inner(sequence.type_param.id)),
        TypeDef::Compact(compact) => format!("Compact<{}>", inner(compact.type_param.id)),
        TypeDef::Array(array) => format!("[{}; {}]", inner(array.type_param.id), array.len),
        TypeDef::Tuple(tuple) => {
            format!("({})", tuple.fields.iter().map(|f| inner(f.id)).collect::<Vec<_>>().join(", "))
        }
        TypeDef::Composite(composite) => match (composite.fields.as_slice(), name) {
            ([field], _) if through => inner(field.ty.id),
            (_, Some(name)) => name,
            (_, None) => "struct".to_owned(),
        },
        TypeDef::Variant(variant) => match (name.as_deref(), option_of(variant)) {
            (Some("Option"), Some(some)) => format!("Option<{}>", inner(some)),
            (name, _) => name.unwrap_or("enum").to_owned(),
        },
        TypeDef::BitSequence(_) => "BitSequence".to_owned(),
    }
}

fn option_of(variant: &scale_info::TypeDefVariant<PortableForm>) -> Option<u32> {
    variant.variants.iter().find(|v| v.name == "Some")?.fields.first().map(|f| f.ty.id)
}
