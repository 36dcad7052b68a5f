//! Does a runtime offer what is needed?

use std::fmt;

use parity_scale_codec::Decode;
use subxt::Metadata;
use subxt::metadata::PalletMetadata;

use crate::items::{ALL, EXTENSIONS, Field, Item, Kind, Role};
use crate::shape;

/// What was found of everything that is needed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The runtime's version, from the constant `System.Version`.
    pub spec_version: Option<u32>,
    /// One entry per item.
    pub entries: Vec<Entry>,
}

/// One item and what was found of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The item, such as `SubtensorModule.set_mechanism_weights`.
    pub name: String,
    /// Who needs it.
    pub role: Role,
    /// What was found.
    pub status: Status,
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

impl Report {
    /// The items that `role` needs and that cannot be used. A neuron does not need what only an owner needs.
    pub fn missing(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| {
            matches!(entry.status, Status::Missing(_)) && (role == Role::Owner || entry.role == Role::Neuron)
        })
    }

    /// Whether everything that `role` needs can be used.
    #[must_use]
    pub fn fits(&self, role: Role) -> bool {
        self.missing(role).next().is_none()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.status {
            Status::Found => write!(f, "{} found", self.name),
            Status::Handled(what) => write!(f, "{} differs and is handled: {what}", self.name),
            Status::Missing(what) => write!(f, "{} {what}", self.name),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec_version {
            Some(version) => writeln!(f, "runtime spec {version}")?,
            None => writeln!(f, "runtime of unknown version")?,
        }
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

/// Compares everything in [`ALL`] and the transaction extensions with a runtime.
#[must_use]
pub fn check(metadata: &Metadata) -> Report {
    let mut report = check_items(metadata, ALL);
    report.entries.extend(extensions(metadata));
    report
}

/// Compares some items with a runtime.
#[must_use]
pub fn check_items(metadata: &Metadata, items: &[Item]) -> Report {
    let entries = items
        .iter()
        .map(|item| Entry {
            name: format!("{}.{}", item.pallet, item.name),
            role: item.role,
            status: status(metadata, item).unwrap_or_else(|what| Status::Missing(what.to_owned())),
        })
        .collect();
    Report { spec_version: spec_version(metadata), entries }
}

fn spec_version(metadata: &Metadata) -> Option<u32> {
    let bytes = metadata.pallet_by_name("System")?.constant_by_name("Version")?.value();
    let (_spec, _impl, _authoring, spec_version) = <(String, String, u32, u32)>::decode(&mut &*bytes).ok()?;
    Some(spec_version)
}

fn status(metadata: &Metadata, item: &Item) -> Result<Status, &'static str> {
    if let Kind::Api(inputs, outputs) = item.kind {
        return api(metadata, item, inputs, outputs);
    }
    let pallet = metadata.pallet_by_name(item.pallet).ok_or("is missing with its whole pallet")?;
    match item.kind {
        Kind::Call(args) => call(metadata, pallet, item.name, args),
        Kind::Storage(keys, value) => storage(metadata, pallet, item.name, keys, value),
        Kind::Constant(ty) => {
            let constant = pallet.constant_by_name(item.name).ok_or("is missing")?;
            Ok(merge([compare(metadata, "the value", constant.ty(), ty)]))
        }
        Kind::Event => {
            let found = pallet.event_variants().is_some_and(|all| all.iter().any(|event| event.name == item.name));
            found.then_some(Status::Found).ok_or("is missing")
        }
        Kind::Api(..) => Err("is no item of a pallet"),
    }
}

fn call(metadata: &Metadata, pallet: PalletMetadata<'_>, name: &str, args: &[Field]) -> Result<Status, &'static str> {
    let found = pallet.call_variant_by_name(name).ok_or("is missing")?;
    let extra = found.fields.iter().filter_map(|field| field.name.as_deref());
    let extra = extra.filter(|field| args.iter().all(|(arg, _)| arg != field));
    let extra = extra.map(|field| Status::Missing(format!("wants the unknown argument {field}")));
    let known = args.iter().map(|(arg, ty)| {
        let field = found.fields.iter().find(|field| field.name.as_deref() == Some(arg));
        field.map_or_else(
            || Status::Missing(format!("has no argument {arg}")),
            |field| compare(metadata, arg, field.ty.id, ty),
        )
    });
    Ok(merge(extra.chain(known)))
}

fn storage(
    metadata: &Metadata,
    pallet: PalletMetadata<'_>,
    name: &str,
    keys: &[&str],
    value: &str,
) -> Result<Status, &'static str> {
    let entry = pallet.storage().and_then(|all| all.entry_by_name(name)).ok_or("is missing")?;
    if entry.keys().len() != keys.len() {
        return Err("has another number of keys");
    }
    let pairs = entry.keys().zip(keys);
    let keys = pairs.map(|(key, expected)| compare(metadata, "a key", key.key_id, expected));
    Ok(merge(keys.chain([compare(metadata, "the value", entry.value_ty(), value)])))
}

fn api(metadata: &Metadata, item: &Item, inputs: &[Field], outputs: &[Field]) -> Result<Status, &'static str> {
    let api = metadata.runtime_api_trait_by_name(item.pallet).ok_or("is missing with its whole API")?;
    let method = api.method_by_name(item.name).ok_or("is missing")?;
    let given: Vec<_> = method.inputs().collect();
    if given.len() != inputs.len() {
        return Err("has another number of arguments");
    }
    let arguments = given.iter().zip(inputs).map(|(param, (name, ty))| compare(metadata, name, param.id, ty));
    let answer = shape::fields(metadata.types(), method.output_ty());
    let read = outputs.iter().map(|(name, ty)| {
        let field = answer.iter().find(|(field, _)| field == name);
        field.map_or_else(
            || Status::Missing(format!("answers without the field {name}")),
            |(_, id)| compare(metadata, name, *id, ty),
        )
    });
    Ok(merge(arguments.chain(read)))
}

/// Extensions that the client does not know must carry no data: it could not fill them in.
fn extensions(metadata: &Metadata) -> Vec<Entry> {
    let types = metadata.types();
    let all = metadata.extrinsic().transaction_extensions_to_use_for_encoding();
    all.map(|extension| {
        let known = EXTENSIONS.contains(&extension.identifier());
        let empty = shape::is_empty(types, extension.extra_ty()) && shape::is_empty(types, extension.additional_ty());
        Entry {
            name: format!("extension {}", extension.identifier()),
            role: Role::Neuron,
            status: match (known, empty) {
                (true, _) => Status::Found,
                (false, true) => Status::Handled("unknown, but without data".to_owned()),
                (false, false) => Status::Missing("wants data that this release does not know".to_owned()),
            },
        }
    })
    .collect()
}

fn compare(metadata: &Metadata, what: &str, id: u32, expected: &str) -> Status {
    let types = metadata.types();
    let found = shape::named(types, id);
    if found == expected {
        return Status::Found;
    }
    let encoded = shape::encoded(types, id);
    if encoded == shape::unwrapped(expected) {
        return Status::Handled(format!("{what} is {found}, encoded like {expected}"));
    }
    Status::Missing(format!("has changed: {what} is {found}, not {expected}"))
}

/// The worst of several; what was handled is listed.
fn merge(parts: impl IntoIterator<Item = Status>) -> Status {
    let (mut handled, mut missing) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Status::Found => {}
            Status::Handled(what) => handled.push(what),
            Status::Missing(what) => missing.push(what),
        }
    }
    match (missing.is_empty(), handled.is_empty()) {
        (false, _) => Status::Missing(missing.join(", ")),
        (true, false) => Status::Handled(handled.join(", ")),
        (true, true) => Status::Found,
    }
}

#[cfg(test)]
mod tests;
