//! The compatibility report: every item that is used, and what was found of it.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::fit::Status;
use crate::items::{Item, Kind, Role};

/// What was found of everything that is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The runtime's version, from the constant `System.Version`.
    pub spec_version: Option<u32>,
    /// The version that signatures cover, from the same constant.
    pub transaction_version: Option<u32>,
    /// One entry per item.
    #[serde(rename = "items")]
    pub entries: Vec<Entry>,
}

/// One item and what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `call`, `storage`, `api`, `constant`, `event`; `extension` and `extrinsic` for what every signature needs.
    pub kind: &'static str,
    /// The item, such as `SubtensorModule.set_mechanism_weights`.
    pub name: String,
    /// Who needs it.
    pub roles: &'static [Role],
    /// What was found.
    pub status: Status,
}

impl Entry {
    /// Whether it is not there, or cannot be used.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self.status, Status::Missing(_))
    }

    /// As a row of a table: what was found, kind, name, and the difference if there is one.
    #[must_use]
    pub fn row(&self) -> String {
        let (word, what) = self.words();
        let what = what.map(|what| format!(": {what}")).unwrap_or_default();
        format!("{word:<8} {:<9} {}{what}", self.kind, self.name)
    }

    fn is_needed_to_sign(&self) -> bool {
        matches!(self.kind, "extension" | "extrinsic")
    }

    fn words(&self) -> (&'static str, Option<&str>) {
        match &self.status {
            Status::Found => ("found", None),
            Status::Handled(what) => ("handled", Some(what)),
            Status::Missing(what) => ("missing", Some(what)),
        }
    }
}

impl Report {
    /// What a role needs.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.roles.contains(&role))
    }

    /// What a role needs and cannot use.
    pub fn missing(&self, role: Role) -> impl Iterator<Item = &Entry> {
        self.of(role).filter(|entry| entry.is_missing())
    }

    /// Whether everything that `role` needs can be used.
    #[must_use]
    pub fn fits(&self, role: Role) -> bool {
        self.missing(role).next().is_none()
    }

    /// Why an item cannot be used; a call needs everything that a signature needs as well.
    #[must_use]
    pub fn obstacle(&self, item: &Item) -> Option<String> {
        let name = item.to_string();
        let signs = matches!(item.kind(), Kind::Call(_));
        let hit = |entry: &&Entry| entry.is_missing() && (entry.name == name || signs && entry.is_needed_to_sign());
        joined(self.entries.iter().filter(hit))
    }

    /// Why nothing can be signed at all, whatever the call.
    #[must_use]
    pub fn cannot_sign(&self) -> Option<String> {
        joined(self.entries.iter().filter(|entry| entry.is_missing() && entry.is_needed_to_sign()))
    }

    /// What stands in the way of a role, in words; `None` if nothing does.
    #[must_use]
    pub fn cause(&self, role: Role) -> Option<String> {
        joined(self.missing(role))
    }

    /// How many items of a role are found, changed in a way that is handled, and missing.
    #[must_use]
    pub fn counts(&self, role: Role) -> [usize; 3] {
        let mut counts = [0; 3];
        for entry in self.of(role) {
            match entry.status {
                Status::Found => counts[0] += 1,
                Status::Handled(_) => counts[1] += 1,
                Status::Missing(_) => counts[2] += 1,
            }
        }
        counts
    }
}

fn joined<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<String> {
    let text: Vec<_> = entries.map(ToString::to_string).collect();
    (!text.is_empty()).then(|| text.join("; "))
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

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (status, difference) = self.words();
        let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
        let mut entry = to.serialize_struct("Entry", 5)?;
        entry.serialize_field("name", &self.name)?;
        entry.serialize_field("kind", self.kind)?;
        entry.serialize_field("roles", &roles)?;
        entry.serialize_field("status", status)?;
        entry.serialize_field("difference", &difference)?;
        entry.end()
    }
}
