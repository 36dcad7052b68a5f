//! Does a type of the chain fit what the client gives or reads?

use std::fmt::Display;

use scale_info::form::PortableForm;
use scale_info::{Field as ChainField, PortableRegistry, TypeDef, TypeDefPrimitive, TypeDefVariant};

use crate::items::{Field, Ty};
use crate::shape;

/// Nesting beyond this fits nothing: a type of a hostile node may refer to itself.
const DEPTH: u8 = 16;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the chain: every value must have a place there.
    Given,
    /// From the chain to the client: a value that is too large for the client is an error when it comes.
    Read,
}

/// What was found of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Exactly as expected.
    Found,
    /// Different in a way that changes no byte, or that is encoded by name.
    Handled(String),
    /// Not there, or so different that it cannot be used.
    Missing(String),
}

impl Status {
    pub(crate) fn handled(what: impl Display) -> Self {
        Self::Handled(what.to_string())
    }

    pub(crate) fn missing(what: impl Display) -> Self {
        Self::Missing(what.to_string())
    }

    /// The worst of several; what is wrong or handled is listed.
    pub(crate) fn worst(parts: impl IntoIterator<Item = Self>) -> Self {
        let (mut handled, mut missing) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Self::Found => {}
                Self::Handled(what) => handled.push(what),
                Self::Missing(what) => missing.push(what),
            }
        }
        match (missing.is_empty(), handled.is_empty()) {
            (false, _) => Self::Missing(missing.join(", ")),
            (true, false) => Self::Handled(handled.join(", ")),
            (true, true) => Self::Found,
        }
    }
}

/// Compares types of one runtime with expectations.
#[derive(Clone, Copy)]
pub struct Fitting<'a> {
    types: &'a PortableRegistry,
    way: Way,
    depth: u8,
}

impl<'a> Fitting<'a> {
    /// Of these types, for values that go this way.
    pub const fn new(types: &'a PortableRegistry, way: Way) -> Self {
        Self { types, way, depth: DEPTH }
    }

    /// Whether type `id` fits; `what` names the place in the report.
    pub fn fit(self, what: &str, id: u32, expected: &Ty) -> Status {
        let Some(ty) = self.types.resolve(id) else { return Status::missing(format!("{what} has no type")) };
        let Some(depth) = self.depth.checked_sub(1) else {
            return Status::missing(format!("{what} is nested too deep"));
        };
        let inner = Self { depth, ..self };
        match (&ty.type_def, expected) {
            (TypeDef::Composite(found), Ty::Newtype(name, wrapped)) if ty.path.ident().as_deref() == Some(*name) => {
                match found.fields.as_slice() {
                    [field] => inner.fit(what, field.ty.id, wrapped),
                    _ => self.changed(what, id, expected),
                }
            }
            (_, Ty::Newtype(_, wrapped)) => {
                Status::worst([self.wrapped(what, id, expected), inner.fit(what, id, wrapped)])
            }
            (TypeDef::Composite(found), Ty::Struct(fields)) => inner.fields(what, &found.fields, fields),
            (TypeDef::Variant(found), Ty::Enum(names)) => variants(what, found, names),
            (TypeDef::Composite(found), _) if found.fields.len() == 1 => {
                Status::worst([self.wrapped(what, id, expected), inner.fit(what, found.fields[0].ty.id, expected)])
            }
            (TypeDef::Tuple(found), Ty::Tuple(items)) if found.fields.len() == items.len() => {
                Status::worst(found.fields.iter().zip(*items).map(|(field, item)| inner.fit(what, field.id, item)))
            }
            (TypeDef::Tuple(found), _) if found.fields.len() == 1 => inner.fit(what, found.fields[0].id, expected),
            (TypeDef::Primitive(found), Ty::Uint(bits)) => self.number(what, found, *bits),
            (TypeDef::Primitive(TypeDefPrimitive::Bool), Ty::Bool) => Status::Found,
            (TypeDef::Compact(found), Ty::Compact(number)) => inner.fit(what, found.type_param.id, number),
            (TypeDef::Compact(found), Ty::Uint(_)) => Status::worst([
                Status::handled(format!("{what} is compact")),
                inner.fit(what, found.type_param.id, expected),
            ]),
            (TypeDef::Primitive(_), Ty::Compact(number)) => {
                Status::worst([Status::handled(format!("{what} is not compact")), inner.fit(what, id, number)])
            }
            (TypeDef::Sequence(found), Ty::Vec(item)) => inner.fit(what, found.type_param.id, item),
            (TypeDef::Array(found), Ty::Bytes(length)) if found.len == *length => {
                inner.fit(what, found.type_param.id, &Ty::U8)
            }
            _ => self.changed(what, id, expected),
        }
    }

    /// Whether a struct has the fields that are used, by name.
    pub fn fields(self, what: &str, found: &[ChainField<PortableForm>], expected: &[Field]) -> Status {
        Status::worst(expected.iter().map(|(name, ty)| {
            let field = found.iter().find(|field| field.name.as_deref() == Some(name));
            field.map_or_else(
                || Status::missing(format!("{what} has no field {name}")),
                |field| self.fit(name, field.ty.id, ty),
            )
        }))
    }

    fn number(self, what: &str, found: &TypeDefPrimitive, bits: u16) -> Status {
        let name = format!("{found:?}").to_lowercase();
        match (name.strip_prefix('u').and_then(|bits| bits.parse::<u16>().ok()), self.way) {
            (Some(there), _) if there == bits => Status::Found,
            (Some(there), Way::Given) if there > bits => {
                Status::handled(format!("{what} is {name}, wider than u{bits}"))
            }
            (Some(_), Way::Read) => Status::handled(format!("{what} is {name}, read as u{bits}")),
            _ => Status::missing(format!("has changed: {what} is {name}, not u{bits}")),
        }
    }

    /// A wrapper of one field more or less: the bytes stay.
    fn wrapped(self, what: &str, id: u32, expected: &Ty) -> Status {
        Status::handled(format!("{what} is {}, encoded like {expected}", shape::named(self.types, id)))
    }

    fn changed(self, what: &str, id: u32, expected: &Ty) -> Status {
        Status::missing(format!("has changed: {what} is {}, not {expected}", shape::named(self.types, id)))
    }
}

fn variants(what: &str, found: &TypeDefVariant<PortableForm>, names: &[&str]) -> Status {
    let absent = names.iter().filter(|name| found.variants.iter().all(|variant| variant.name != **name));
    Status::worst(absent.map(|name| Status::missing(format!("{what} has no variant {name}"))))
}
