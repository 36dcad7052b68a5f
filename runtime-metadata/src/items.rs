//! Everything that assay uses of a subtensor chain, by name: one table.
//!
//! An [`Item`] is made in this table only, and every lookup in a chain takes one. So what is looked up is also checked, at
//! start-up, after every runtime upgrade and by `miner check` and `validator check`; see [`crate::check`].
//!
//! Types are those of the main network at spec 424; see [`Ty`].

mod table;
mod ty;

pub use table::*;
pub use ty::{Field, Hasher, Ty};

/// Who needs an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Serves, and announces where.
    Miner,
    /// Reads the subnet and sets weights.
    Validator,
    /// Creates subnets and neurons: a subnet's owner, an operator at registration, test set-ups.
    Owner,
}

impl Role {
    /// As it is written in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Miner => "miner",
            Self::Validator => "validator",
            Self::Owner => "owner",
        }
    }
}

/// One thing the runtime must offer.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pallet: &'static str,
    name: &'static str,
    kind: Kind,
    roles: &'static [Role],
    newer: bool,
}

impl Item {
    /// The pallet, or the trait of a runtime API.
    #[must_use]
    pub const fn pallet(&self) -> &'static str {
        self.pallet
    }

    /// Its name there.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Who needs it.
    #[must_use]
    pub const fn roles(&self) -> &'static [Role] {
        self.roles
    }

    /// Whether only newer runtimes have it, and the client does without it elsewhere.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        self.newer
    }

    /// The item with other types.
    #[cfg(test)]
    pub(crate) const fn expecting(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The names of a call's arguments, in the order of the table; of anything else none.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        let fields = match self.kind {
            Kind::Call(fields) => fields,
            Kind::Storage(..) | Kind::Api(..) | Kind::Constant(_) | Kind::Event(_) => &[],
        };
        fields.iter().map(|(name, _)| *name)
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.pallet, self.name)
    }
}

/// What an item is, and its types.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A call; arguments are given by name.
    Call(&'static [Field]),
    /// A storage item: hasher and type of its keys, type of its value.
    Storage(&'static [(Hasher, Ty)], Ty),
    /// A runtime API: its arguments, and the fields that are read from the answer by name.
    Api(&'static [Field], &'static [Field]),
    /// A constant.
    Constant(Ty),
    /// An event that is looked for by name, and its first fields: those that are read.
    Event(&'static [Ty]),
}

impl Kind {
    /// As it is written in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Storage(..) => "storage",
            Self::Api(..) => "api",
            Self::Constant(_) => "constant",
            Self::Event(_) => "event",
        }
    }
}
