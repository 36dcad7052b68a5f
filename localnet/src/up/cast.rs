//! Who takes part: validators, honest miners, dishonest miners, and what each of the last deserves.

use incentive::verdict::Fault;

/// A dishonest miner, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Cheat {
    /// Computes half of the rows.
    Partial,
    /// Leaves out layers.
    SkipLayers,
    /// Answers with another hotkey's work.
    Foreign,
    /// Runs one solver for two hotkeys.
    Shared,
    /// Answers with what it computed for an earlier window.
    Replay,
    /// Commits to its work and then refuses to open it.
    RefuseOpen,
    /// Sends its roots after the window.
    Slow,
    /// Announces an address where nobody listens.
    Offline,
}

/// What must become of a neuron for `--check` to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Earns in every paid epoch.
    Earns,
    /// Earns nothing, and the validators' last word on it is this fault.
    Caught(Fault),
    /// Earns like its siblings of the same group together no more than one honest miner.
    EarnsAsOne,
}

impl Cheat {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Partial,
        Self::SkipLayers,
        Self::Foreign,
        Self::Shared,
        Self::Replay,
        Self::RefuseOpen,
        Self::Slow,
        Self::Offline,
    ];

    /// The name on the command line of `cheat` and of `localnet up`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::SkipLayers => "skip-layers",
            Self::Foreign => "foreign",
            Self::Shared => "shared",
            Self::Replay => "replay",
            Self::RefuseOpen => "refuse-open",
            Self::Slow => "slow",
            Self::Offline => "offline",
        }
    }

    /// How many hotkeys it registers.
    #[must_use]
    pub const fn hotkeys(self) -> usize {
        match self {
            Self::Shared => 2,
            Self::Partial
            | Self::SkipLayers
            | Self::Foreign
            | Self::Replay
            | Self::RefuseOpen
            | Self::Slow
            | Self::Offline => 1,
        }
    }

    /// What it deserves.
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::Partial | Self::SkipLayers | Self::Foreign | Self::Replay => Fate::Caught(Fault::WrongRow),
            Self::RefuseOpen => Fate::Caught(Fault::OpeningRefused),
            Self::Slow => Fate::Caught(Fault::NoRoot),
            Self::Offline => Fate::Caught(Fault::Unreachable),
            Self::Shared => Fate::EarnsAsOne,
        }
    }
}

/// What a neuron does on the subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Owns the subnet; holds uid 0 and runs nothing.
    Owner,
    /// Measures and sets weights.
    Validator,
    /// Works.
    Miner,
    /// Pretends to.
    Cheat(Cheat),
}

impl Role {
    /// The word in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Validator => "validator",
            Self::Miner => "miner",
            Self::Cheat(cheat) => cheat.name(),
        }
    }
}
