//! Does a runtime offer what is needed?

use parity_scale_codec::Decode;
use subxt::Metadata;
use subxt::ext::frame_decode::extrinsics::ExtrinsicTypeInfo as _;
use subxt::metadata::PalletMetadata;

use crate::fit::{Fitting, Status, Way};
use crate::items::{ALL, EXTENSIONS, Field, Hasher, Item, Kind, Role, Ty, VOID_EXTENSIONS};
use crate::report::{Entry, Report};
use crate::shape;

/// Who signs.
const SIGNERS: &[Role] = &[Role::Miner, Role::Validator, Role::Owner];
/// The formats of a signed extrinsic that the client writes.
const EXTRINSIC_VERSIONS: [u8; 2] = [4, 5];

/// Compares everything in [`ALL`], the transaction extensions and the form of an extrinsic with a runtime.
#[must_use]
pub fn check(metadata: &Metadata) -> Report {
    let mut report = check_items(metadata, ALL);
    report.entries.extend(extensions(metadata));
    report.entries.push(signature(metadata));
    report
}

/// Compares some items with a runtime.
#[must_use]
pub fn check_items(metadata: &Metadata, items: &[Item]) -> Report {
    let entries = items.iter().map(|item| Entry {
        kind: item.kind().name(),
        name: item.to_string(),
        roles: item.roles(),
        status: match status(metadata, item) {
            Ok(status) => status,
            Err("is missing") if item.is_newer() => Status::handled("only newer runtimes have it"),
            Err(what) => Status::missing(what),
        },
    });
    let (spec_version, transaction_version) = versions(metadata).unzip();
    Report { spec_version, transaction_version, entries: entries.collect() }
}

/// The arguments of a live call that the client does not know and that may be left out: each is an `Option`, given as
/// `None`. Empty for a call that is not there.
#[must_use]
pub fn optional_arguments(metadata: &Metadata, pallet: &str, call: &str, known: &[&str]) -> Vec<String> {
    let call = metadata.pallet_by_name(pallet).and_then(|pallet| pallet.call_variant_by_name(call));
    let fields = call.map(|call| call.fields.as_slice()).unwrap_or_default();
    fields
        .iter()
        .filter(|field| shape::is_option(metadata.types(), field.ty.id))
        .filter_map(|field| field.name.clone())
        .filter(|name| !known.contains(&name.as_str()))
        .collect()
}

fn versions(metadata: &Metadata) -> Option<(u32, u32)> {
    type Version = (String, String, u32, u32, u32, Vec<([u8; 8], u32)>, u32);
    let bytes = metadata.pallet_by_name("System")?.constant_by_name("Version")?.value();
    let (_spec, _impl, _authoring, spec, _impl_version, _apis, transaction) = Version::decode(&mut &*bytes).ok()?;
    Some((spec, transaction))
}

fn status(metadata: &Metadata, item: &Item) -> Result<Status, &'static str> {
    if let Kind::Api(inputs, outputs) = item.kind() {
        return api(metadata, item, inputs, outputs);
    }
    let pallet = metadata.pallet_by_name(item.pallet()).ok_or("is missing with its whole pallet")?;
    match item.kind() {
        Kind::Call(args) => call(metadata, pallet, item.name(), args),
        Kind::Storage(keys, value) => storage(metadata, pallet, item.name(), keys, &value),
        Kind::Constant(ty) => {
            let constant = pallet.constant_by_name(item.name()).ok_or("is missing")?;
            Ok(reading(metadata).fit("the value", constant.ty(), &ty))
        }
        Kind::Event(fields) => event(metadata, pallet, item.name(), fields),
        Kind::Api(..) => Err("is no item of a pallet"),
    }
}

fn reading(metadata: &Metadata) -> Fitting<'_> {
    Fitting::new(metadata.types(), Way::Read)
}

fn giving(metadata: &Metadata) -> Fitting<'_> {
    Fitting::new(metadata.types(), Way::Given)
}

fn call(metadata: &Metadata, pallet: PalletMetadata<'_>, name: &str, args: &[Field]) -> Result<Status, &'static str> {
    let found = pallet.call_variant_by_name(name).ok_or("is missing")?;
    let extra = found.fields.iter().filter(|field| args.iter().all(|(arg, _)| field.name.as_deref() != Some(arg)));
    let extra = extra.map(|field| {
        let name = field.name.as_deref().unwrap_or("without a name");
        if field.name.is_some() && shape::is_option(metadata.types(), field.ty.id) {
            Status::handled(format!("the new argument {name} is given as None"))
        } else {
            Status::missing(format!("wants the unknown argument {name}"))
        }
    });
    let known = args.iter().map(|(arg, ty)| {
        let field = found.fields.iter().find(|field| field.name.as_deref() == Some(arg));
        field.map_or_else(
            || Status::missing(format!("has no argument {arg}")),
            |field| giving(metadata).fit(arg, field.ty.id, ty),
        )
    });
    Ok(Status::worst(extra.chain(known)))
}

fn storage(
    metadata: &Metadata,
    pallet: PalletMetadata<'_>,
    name: &str,
    keys: &[(Hasher, Ty)],
    value: &Ty,
) -> Result<Status, &'static str> {
    let entry = pallet.storage().and_then(|all| all.entry_by_name(name)).ok_or("is missing")?;
    if entry.keys().len() != keys.len() {
        return Err("has another number of keys");
    }
    let keys = entry.keys().zip(keys).flat_map(|(key, (hasher, ty))| {
        let there = format!("{:?}", key.hasher);
        let hashed = if there == hasher.name() {
            Status::Found
        } else {
            Status::handled(format!("a key is hashed with {there}, not {}", hasher.name()))
        };
        [hashed, giving(metadata).fit("a key", key.key_id, ty)]
    });
    Ok(Status::worst(keys.chain([reading(metadata).fit("the value", entry.value_ty(), value)])))
}

fn event(metadata: &Metadata, pallet: PalletMetadata<'_>, name: &str, fields: &[Ty]) -> Result<Status, &'static str> {
    let found = pallet.event_variants().and_then(|all| all.iter().find(|event| event.name == name));
    let found = found.ok_or("is missing")?;
    if found.fields.len() < fields.len() {
        return Err("has fewer fields");
    }
    let fields = found.fields.iter().zip(fields);
    Ok(Status::worst(fields.map(|(field, ty)| reading(metadata).fit("a field", field.ty.id, ty))))
}

fn api(metadata: &Metadata, item: &Item, inputs: &[Field], outputs: &[Field]) -> Result<Status, &'static str> {
    let api = metadata.runtime_api_trait_by_name(item.pallet()).ok_or("is missing with its whole API")?;
    let method = api.method_by_name(item.name()).ok_or("is missing")?;
    let given: Vec<_> = method.inputs().collect();
    if given.len() != inputs.len() {
        return Err("has another number of arguments");
    }
    let arguments = given.iter().zip(inputs).map(|(param, (name, ty))| giving(metadata).fit(name, param.id, ty));
    let answer = shape::fields(metadata.types(), method.output_ty());
    let read = reading(metadata).fields("the answer", answer, outputs);
    Ok(Status::worst(arguments.chain([read])))
}

/// Extensions that the client does not know must carry no data: it could not fill them in.
fn extensions(metadata: &Metadata) -> Vec<Entry> {
    let types = metadata.types();
    let all = metadata.extrinsic().transaction_extensions_to_use_for_encoding();
    all.map(|extension| {
        let name = extension.identifier();
        let filled_in = EXTENSIONS.contains(&name);
        let empty = shape::is_empty(types, extension.extra_ty()) && shape::is_empty(types, extension.additional_ty());
        Entry {
            kind: "extension",
            name: name.to_owned(),
            roles: SIGNERS,
            status: match (filled_in, empty) {
                (true, _) => Status::Found,
                (false, true) if VOID_EXTENSIONS.contains(&name) => Status::Found,
                (false, true) => Status::handled("new, without data"),
                (false, false) => Status::missing("wants data that this release does not know"),
            },
        }
    })
    .collect()
}

/// The format, and the places of the account and of an sr25519 signature: the client writes these by their index.
fn signature(metadata: &Metadata) -> Entry {
    let types = metadata.types();
    let versions = metadata.extrinsic().supported_versions();
    let known = EXTRINSIC_VERSIONS.iter().any(|version| versions.contains(version));
    let format = if known { Status::Found } else { Status::missing(format!("has the unknown formats {versions:?}")) };
    let parts = metadata.extrinsic_signature_info().map_or_else(
        |error| vec![Status::missing(format!("does not say how it is signed: {error}"))],
        |info| {
            vec![
                placed(shape::index_of(types, info.address_id, "Id"), "address Id", 0),
                placed(shape::index_of(types, info.signature_id, "Sr25519"), "signature Sr25519", 1),
            ]
        },
    );
    let status = Status::worst(parts.into_iter().chain([format]));
    Entry { kind: "extrinsic", name: "signed extrinsic".to_owned(), roles: SIGNERS, status }
}

fn placed(found: Option<u8>, what: &str, expected: u8) -> Status {
    match found {
        Some(index) if index == expected => Status::Found,
        Some(index) => Status::missing(format!("has the {what} at index {index}, not {expected}")),
        None => Status::missing(format!("has no {what}")),
    }
}

#[cfg(test)]
mod tests;
