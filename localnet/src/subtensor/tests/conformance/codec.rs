//! The JSON of records to and from SCALE, by the type information of a runtime.
//!
//! Accounts are small numbers or hex, bytes hex, 128-bit integers decimal text, options null or the value, variants without
//! fields their name, others an object of one entry.

use parity_scale_codec::{Compact, Decode, Encode};
use scale_info::{Field, PortableRegistry, Type, TypeDef, TypeDefPrimitive as Primitive, Variant, form::PortableForm};
use serde_json::{Map, Value, json};

/// Why a value does not fit a type.
type Misfit = String;

/// A value as the type `id` writes it.
pub fn encode(types: &PortableRegistry, id: u32, value: &Value) -> Result<Vec<u8>, Misfit> {
    let mut bytes = Vec::new();
    write(types, id, value, &mut bytes)?;
    Ok(bytes)
}

fn resolve(types: &PortableRegistry, id: u32) -> Result<&Type<PortableForm>, Misfit> {
    types.resolve(id).ok_or_else(|| format!("no type {id}"))
}

fn named(types: &PortableRegistry, id: u32) -> Result<(&str, &TypeDef<PortableForm>), Misfit> {
    let ty = resolve(types, id)?;
    Ok((ty.path.segments.last().map_or("", String::as_str), &ty.type_def))
}

fn is_byte(types: &PortableRegistry, id: u32) -> bool {
    types.resolve(id).is_some_and(|ty| ty.type_def == TypeDef::Primitive(Primitive::U8))
}

fn write(types: &PortableRegistry, id: u32, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let (name, definition) = named(types, id)?;
    match definition {
        _ if name == "AccountId32" => out.extend(account(value)?),
        TypeDef::Composite(composite) => write_fields(types, &composite.fields, value, out)?,
        TypeDef::Variant(_) if name == "Option" && value.is_null() => out.push(0),
        TypeDef::Variant(sum) => write_variant(types, &sum.variants, value, out)?,
        TypeDef::Sequence(list) if is_byte(types, list.type_param.id) => bytes(value)?.encode_to(out),
        TypeDef::Sequence(list) => {
            let items = items(value)?;
            Compact(u32::try_from(items.len()).map_err(text)?).encode_to(out);
            items.iter().try_for_each(|item| write(types, list.type_param.id, item, out))?;
        }
        TypeDef::Array(array) if is_byte(types, array.type_param.id) => out.extend(bytes(value)?),
        TypeDef::Array(array) => {
            items(value)?.iter().try_for_each(|item| write(types, array.type_param.id, item, out))?
        }
        TypeDef::Tuple(tuple) => {
            let items = items(value)?;
            let ids = tuple.fields.iter().map(|field| field.id);
            if items.len() != tuple.fields.len() {
                return Err(format!("{value} is no tuple of {}", tuple.fields.len()));
            }
            ids.zip(items).try_for_each(|(id, item)| write(types, id, item, out))?;
        }
        TypeDef::Primitive(primitive) => write_primitive(primitive, value, out)?,
        TypeDef::Compact(_) => Compact(number(value)?.cast_unsigned()).encode_to(out),
        TypeDef::BitSequence(_) => return Err("bit sequences do not occur".into()),
    }
    Ok(())
}

fn write_fields(
    types: &PortableRegistry,
    fields: &[Field<PortableForm>],
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    match (fields, value) {
        ([], _) => Ok(()),
        (fields, Value::Object(object)) if fields.iter().all(|field| field.name.is_some()) => {
            fields.iter().try_for_each(|field| {
                let name = field.name.as_deref().unwrap_or_default();
                let value = object.get(name).ok_or_else(|| format!("no {name} in {value}"))?;
                write(types, field.ty.id, value, out)
            })
        }
        ([field], value) => write(types, field.ty.id, value, out),
        (fields, value) => {
            let items = items(value)?;
            if items.len() != fields.len() {
                return Err(format!("{value} has not {} fields", fields.len()));
            }
            fields.iter().zip(items).try_for_each(|(field, item)| write(types, field.ty.id, item, out))
        }
    }
}

fn write_variant(
    types: &PortableRegistry,
    variants: &[Variant<PortableForm>],
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let by_name = |name: &str| variants.iter().find(|variant| variant.name == name);
    if let Some(some) = by_name("Some") {
        out.push(some.index);
        return write_fields(types, &some.fields, value, out);
    }
    let (name, inner) = match value {
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(object) => {
            object.iter().next().map(|(name, inner)| (name.as_str(), inner)).ok_or("empty variant")?
        }
        other => return Err(format!("{other} is no variant")),
    };
    // Raw bytes of a commitment have one variant per length.
    let sized = || bytes(inner).ok().and_then(|bytes| by_name(&format!("{name}{}", bytes.len())));
    let variant = by_name(name).or_else(sized).ok_or_else(|| format!("no variant {name}"))?;
    out.push(variant.index);
    write_fields(types, &variant.fields, inner, out)
}

fn write_primitive(primitive: &Primitive, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match primitive {
        Primitive::Bool => value.as_bool().ok_or_else(|| format!("{value} is no flag"))?.encode_to(out),
        Primitive::U8 => integer::<u8>(value)?.encode_to(out),
        Primitive::U16 => integer::<u16>(value)?.encode_to(out),
        Primitive::U32 => integer::<u32>(value)?.encode_to(out),
        Primitive::U64 => integer::<u64>(value)?.encode_to(out),
        Primitive::U128 => number(value)?.cast_unsigned().encode_to(out),
        Primitive::I16 => integer::<i16>(value)?.encode_to(out),
        Primitive::I32 => integer::<i32>(value)?.encode_to(out),
        Primitive::I64 => integer::<i64>(value)?.encode_to(out),
        Primitive::I128 => number(value)?.encode_to(out),
        other => return Err(format!("{other:?} does not occur")),
    }
    Ok(())
}

fn integer<N: TryFrom<i128>>(value: &Value) -> Result<N, Misfit> {
    N::try_from(number(value)?).map_err(|_| format!("{value} does not fit"))
}

/// A whole number; one above the signed range keeps its bits.
fn number(value: &Value) -> Result<i128, Misfit> {
    let parse = |text: &str| text.parse::<i128>().or_else(|_| text.parse::<u128>().map(u128::cast_signed));
    match value {
        Value::Number(number) => parse(&number.to_string()).map_err(text),
        Value::String(decimal) => parse(decimal).map_err(text),
        other => Err(format!("{other} is no number")),
    }
}

fn items(value: &Value) -> Result<&Vec<Value>, Misfit> {
    value.as_array().ok_or_else(|| format!("{value} is no list"))
}

fn bytes(value: &Value) -> Result<Vec<u8>, Misfit> {
    let hexadecimal = value.as_str().and_then(|text| text.strip_prefix("0x"));
    hex::decode(hexadecimal.ok_or_else(|| format!("{value} is not hex"))?).map_err(text)
}

/// The 32 bytes of an account.
pub fn account(value: &Value) -> Result<[u8; 32], Misfit> {
    match value.as_u64() {
        Some(number) => Ok(*super::super::account(number).as_ref()),
        None => bytes(value)?.try_into().map_err(|_| format!("{value} is no account")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors come by value from map_err")]
fn text(error: impl ToString) -> Misfit {
    error.to_string()
}

/// Reads a value of the type `id` off the front of `input`.
pub fn decode(types: &PortableRegistry, id: u32, input: &mut &[u8]) -> Result<Value, Misfit> {
    let (name, definition) = named(types, id)?;
    Ok(match definition {
        _ if name == "AccountId32" => show_account(&take(input, 32)?),
        TypeDef::Composite(composite) => match &composite.fields[..] {
            // Records show what is committed to as a list.
            [field] if field.name.is_none() || name == "CommitmentInfo" => decode(types, field.ty.id, input)?,
            fields => decode_fields(types, fields, input)?,
        },
        TypeDef::Variant(_) => {
            let (variant, fields) = decode_variant(types, id, input)?;
            if name == "Option" { show_option(&fields) } else { show_variant(variant, fields) }
        }
        TypeDef::Sequence(list) => {
            let Compact(length) = Compact::<u32>::decode(input).map_err(text)?;
            decode_list(types, list.type_param.id, length, input)?
        }
        TypeDef::Array(array) => decode_list(types, array.type_param.id, array.len, input)?,
        TypeDef::Tuple(tuple) => {
            let items = tuple.fields.iter().map(|field| decode(types, field.id, input));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        TypeDef::Primitive(primitive) => decode_primitive(primitive, input)?,
        TypeDef::Compact(_) => json!(Compact::<u64>::decode(input).map_err(text)?.0),
        TypeDef::BitSequence(_) => return Err("bit sequences do not occur".into()),
    })
}

/// The name of the variant that follows, and its fields: a list when they have no names, an object when they do.
pub fn decode_variant<'t>(types: &'t PortableRegistry, id: u32, input: &mut &[u8]) -> Result<(&'t str, Value), Misfit> {
    let TypeDef::Variant(sum) = &resolve(types, id)?.type_def else { return Err(format!("type {id} has no variants")) };
    let index = u8::decode(input).map_err(text)?;
    let variant = sum.variants.iter().find(|variant| variant.index == index).ok_or("unknown variant")?;
    Ok((&variant.name, decode_fields(types, &variant.fields, input)?))
}

fn show_option(fields: &Value) -> Value {
    fields.as_array().and_then(|items| items.first()).cloned().unwrap_or_default()
}

fn show_variant(name: &str, fields: Value) -> Value {
    let alone = match &fields {
        Value::Array(items) if items.is_empty() => return json!(name),
        Value::Array(items) if items.len() == 1 => items[0].clone(),
        _ => fields,
    };
    match name {
        sized if sized.starts_with("Raw") => json!({ "Raw": alone }),
        other => json!({ other: alone }),
    }
}

fn decode_fields(types: &PortableRegistry, fields: &[Field<PortableForm>], input: &mut &[u8]) -> Result<Value, Misfit> {
    if fields.iter().all(|field| field.name.is_some()) && !fields.is_empty() {
        let mut object = Map::new();
        for field in fields {
            object.insert(field.name.clone().unwrap_or_default(), decode(types, field.ty.id, input)?);
        }
        return Ok(Value::Object(object));
    }
    let items = fields.iter().map(|field| decode(types, field.ty.id, input));
    Ok(Value::Array(items.collect::<Result<_, _>>()?))
}

fn decode_list(types: &PortableRegistry, id: u32, length: u32, input: &mut &[u8]) -> Result<Value, Misfit> {
    if is_byte(types, id) {
        let bytes = take(input, usize::try_from(length).map_err(text)?)?;
        return Ok(json!(format!("0x{}", hex::encode(bytes))));
    }
    let items = (0..length).map(|_| decode(types, id, input));
    Ok(Value::Array(items.collect::<Result<_, _>>()?))
}

fn decode_primitive(primitive: &Primitive, input: &mut &[u8]) -> Result<Value, Misfit> {
    let value = match primitive {
        Primitive::Bool => bool::decode(input).map(Value::from),
        Primitive::U8 => u8::decode(input).map(Value::from),
        Primitive::U16 => u16::decode(input).map(Value::from),
        Primitive::U32 => u32::decode(input).map(Value::from),
        Primitive::U64 => u64::decode(input).map(Value::from),
        Primitive::U128 => u128::decode(input).map(|wide| wide.to_string().into()),
        Primitive::I16 => i16::decode(input).map(Value::from),
        Primitive::I32 => i32::decode(input).map(Value::from),
        Primitive::I64 => i64::decode(input).map(Value::from),
        Primitive::I128 => i128::decode(input).map(|wide| wide.to_string().into()),
        other => return Err(format!("{other:?} does not occur")),
    };
    value.map_err(text)
}

fn take(input: &mut &[u8], length: usize) -> Result<Vec<u8>, Misfit> {
    let (front, rest) = input.split_at_checked(length).ok_or("too few bytes")?;
    *input = rest;
    Ok(front.to_vec())
}

fn show_account(bytes: &[u8]) -> Value {
    let (number, rest) = bytes.split_at(8);
    match <[u8; 8]>::try_from(number) {
        Ok(number) if rest.iter().all(|byte| *byte == 0) => json!(u64::from_le_bytes(number)),
        _ => json!(format!("0x{}", hex::encode(bytes))),
    }
}
