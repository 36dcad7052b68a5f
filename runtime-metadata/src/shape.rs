//! Types of a runtime as text, to compare them with what is expected.

use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefVariant};

/// Nesting beyond this is cut off: a type of a hostile node may refer to itself.
const DEPTH: u8 = 16;

/// The type as the runtime names it: `Vec<u16>`, `Compact<u64>`, `AccountId32`.
pub fn named(types: &PortableRegistry, id: u32) -> String {
    text(types, id, DEPTH)
}

/// The fields of a struct; of the inner one if the type is an `Option` of a struct.
pub fn fields(types: &PortableRegistry, id: u32) -> &[Field<PortableForm>] {
    let inner = variant(types, id).and_then(option_of).unwrap_or(id);
    match types.resolve(inner).map(|ty| &ty.type_def) {
        Some(TypeDef::Composite(composite)) => &composite.fields,
        _ => &[],
    }
}

/// Whether the type is an `Option`.
pub fn is_option(types: &PortableRegistry, id: u32) -> bool {
    let named = types.resolve(id).and_then(|ty| ty.path.ident()).is_some_and(|name| name == "Option");
    named && variant(types, id).and_then(option_of).is_some()
}

/// The index of a variant of an enum.
pub fn index_of(types: &PortableRegistry, id: u32, name: &str) -> Option<u8> {
    variant(types, id)?.variants.iter().find(|variant| variant.name == name).map(|variant| variant.index)
}

fn variant(types: &PortableRegistry, id: u32) -> Option<&TypeDefVariant<PortableForm>> {
    match &types.resolve(id)?.type_def {
        TypeDef::Variant(variant) => Some(variant),
        _ => None,
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

fn text(types: &PortableRegistry, id: u32, depth: u8) -> String {
    let Some(ty) = types.resolve(id).filter(|_| depth > 0) else { return "?".to_owned() };
    let inner = |id| text(types, id, depth - 1);
    let name = ty.path.ident();
    match &ty.type_def {
        TypeDef::Primitive(primitive) => format!("{primitive:?}").to_lowercase(),
        TypeDef::Sequence(sequence) => format!("Vec<{}>", inner(sequence.type_param.id)),
        TypeDef::Compact(compact) => format!("Compact<{}>", inner(compact.type_param.id)),
        TypeDef::Array(array) => format!("[{}; {}]", inner(array.type_param.id), array.len),
        TypeDef::Tuple(tuple) => {
            format!("({})", tuple.fields.iter().map(|f| inner(f.id)).collect::<Vec<_>>().join(", "))
        }
        TypeDef::Composite(_) => name.unwrap_or_else(|| "struct".to_owned()),
        TypeDef::Variant(variant) => match (name.as_deref(), option_of(variant)) {
            (Some("Option"), Some(some)) => format!("Option<{}>", inner(some)),
            (name, _) => name.unwrap_or("enum").to_owned(),
        },
        TypeDef::BitSequence(_) => "BitSequence".to_owned(),
    }
}

fn option_of(variant: &TypeDefVariant<PortableForm>) -> Option<u32> {
    variant.variants.iter().find(|v| v.name == "Some")?.fields.first().map(|f| f.ty.id)
}
