//! Calls in the form in force, read into the runtime's own.

use std::sync::OnceLock;

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Compact, Decode as _, DecodeAll as _, Encode as _};
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive, form::PortableForm};

use super::Form;
use crate::runtime::Runtime;

/// Types nested deeper than this are refused: about three levels per call that wraps another.
const MAX_DEPTH: u16 = 1024;

/// Why bytes are no call of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// The bytes end too early, or go on after the call.
    #[error("the call's bytes end elsewhere than its types")]
    Length,
    /// A pallet, call or variant that the form does not have.
    #[error("no variant has the index {0}")]
    Index(u8),
    /// Calls nested too deep.
    #[error("nested too deep")]
    Depth,
    /// The form and the runtime do not fit each other.
    #[error("the form shows what the runtime does not have")]
    Types,
}

/// What a form shows, and what the runtime has: the same types under the same numbers, but for what the form changed.
pub struct Dialect {
    shown: PortableRegistry,
    native: PortableRegistry,
    call: u32,
}

impl Dialect {
    /// The dialect of a form; none is needed for the plain one.
    pub fn of(form: Form) -> Option<&'static Self> {
        static DIALECTS: [OnceLock<Option<Dialect>>; 4] = [const { OnceLock::new() }; 4];
        let slot = match form {
            Form::Plain => return None,
            Form::MovedCalls => 0,
            Form::NetuidNewtype => 1,
            Form::NewArgument => 2,
            Form::NoWeights => 3,
        };
        DIALECTS[slot].get_or_init(|| Self::new(form)).as_ref()
    }

    fn new(form: Form) -> Option<Self> {
        let native = Runtime::metadata_at_version(15)?;
        let decoded = || RuntimeMetadataPrefixed::decode_all(&mut native.as_slice()).ok();
        let types = |metadata: RuntimeMetadataPrefixed| match metadata.1 {
            RuntimeMetadata::V15(v15) => Some((v15.types, v15.outer_enums.call_enum_ty.id)),
            _ => None,
        };
        let (shown, call) = types(form.applied(decoded()?))?;
        let (native, _) = types(decoded()?)?;
        Some(Self { shown, native, call })
    }

    /// The runtime's own bytes of a call in this form.
    ///
    /// # Errors
    /// When the bytes are no call of this form.
    pub fn native(&self, call: &[u8]) -> Result<Vec<u8>, DialectError> {
        let mut reading = Reading { dialect: self, rest: call, native: Vec::with_capacity(call.len()) };
        reading.value(self.call, Some(self.call), MAX_DEPTH)?;
        if reading.rest.is_empty() { Ok(reading.native) } else { Err(DialectError::Length) }
    }
}

/// A call that is being read.
struct Reading<'a> {
    dialect: &'a Dialect,
    rest: &'a [u8],
    native: Vec<u8>,
}

impl Reading<'_> {
    /// Reads a value of a shown type and writes it as a native one; what the runtime does not have is only read.
    fn value(&mut self, shown: u32, native: Option<u32>, depth: u16) -> Result<(), DialectError> {
        let dialect = self.dialect;
        let depth = depth.checked_sub(1).ok_or(DialectError::Depth)?;
        let shown = &dialect.shown.resolve(shown).ok_or(DialectError::Types)?.type_def;
        let there = native.map(|id| dialect.native.resolve(id).ok_or(DialectError::Types)).transpose()?;
        match (shown, there.map(|ty| &ty.type_def)) {
            (TypeDef::Primitive(primitive), there) => self.primitive(primitive, there.is_some()),
            (TypeDef::Compact(_), there) => self.compact(there.is_some()).map(drop),
            (TypeDef::Composite(shown), Some(TypeDef::Composite(native))) => {
                self.fields(&shown.fields, Some(&native.fields), depth)
            }
            (TypeDef::Composite(shown), None) => self.fields(&shown.fields, None, depth),
            // A newtype around what the runtime has.
            (TypeDef::Composite(shown), Some(_)) => match shown.fields.as_slice() {
                [field] => self.value(field.ty.id, native, depth),
                _ => Err(DialectError::Types),
            },
            (TypeDef::Tuple(shown), _) => {
                shown.fields.iter().try_for_each(|field| self.value(field.id, native.map(|_| field.id), depth))
            }
            (TypeDef::Array(array), _) => (0..array.len)
                .try_for_each(|_| self.value(array.type_param.id, native.map(|_| array.type_param.id), depth)),
            (TypeDef::Sequence(list), _) => {
                let length = self.compact(native.is_some())?;
                (0..length).try_for_each(|_| self.value(list.type_param.id, native.map(|_| list.type_param.id), depth))
            }
            (TypeDef::Variant(shown), there) => {
                let index = *self.rest.first().ok_or(DialectError::Length)?;
                self.rest = &self.rest[1..];
                let found = shown.variants.iter().find(|variant| variant.index == index);
                let found = found.ok_or(DialectError::Index(index))?;
                let Some(TypeDef::Variant(native)) = there else { return self.fields(&found.fields, None, depth) };
                let same = native.variants.iter().find(|variant| variant.name == found.name);
                let same = same.ok_or(DialectError::Types)?;
                self.native.push(same.index);
                self.fields(&found.fields, Some(&same.fields), depth)
            }
            (TypeDef::BitSequence(_), _) => Err(DialectError::Types),
        }
    }

    /// Fields stand in the runtime's order; new ones come last.
    fn fields(
        &mut self,
        shown: &[Field<PortableForm>],
        native: Option<&[Field<PortableForm>]>,
        depth: u16,
    ) -> Result<(), DialectError> {
        shown.iter().enumerate().try_for_each(|(place, field)| {
            let native = native.and_then(|fields| fields.get(place)).map(|field| field.ty.id);
            self.value(field.ty.id, native, depth)
        })
    }

    fn primitive(&mut self, primitive: &TypeDefPrimitive, keep: bool) -> Result<(), DialectError> {
        let length = match primitive {
            TypeDefPrimitive::Bool | TypeDefPrimitive::U8 | TypeDefPrimitive::I8 => 1,
            TypeDefPrimitive::U16 | TypeDefPrimitive::I16 => 2,
            TypeDefPrimitive::U32 | TypeDefPrimitive::I32 | TypeDefPrimitive::Char => 4,
            TypeDefPrimitive::U64 | TypeDefPrimitive::I64 => 8,
            TypeDefPrimitive::U128 | TypeDefPrimitive::I128 => 16,
            TypeDefPrimitive::U256 | TypeDefPrimitive::I256 => 32,
            TypeDefPrimitive::Str => self.compact(keep)?,
        };
        let (value, rest) = self.rest.split_at_checked(length).ok_or(DialectError::Length)?;
        self.rest = rest;
        if keep {
            self.native.extend(value);
        }
        Ok(())
    }

    /// A number in compact form, which may also be the length of what follows: never more than there are bytes left.
    fn compact(&mut self, keep: bool) -> Result<usize, DialectError> {
        let Compact(number) = Compact::<u128>::decode(&mut self.rest).map_err(|_| DialectError::Length)?;
        if keep {
            Compact(number).encode_to(&mut self.native);
        }
        Ok(usize::try_from(number).unwrap_or(usize::MAX).min(self.rest.len().saturating_add(1)))
    }
}
