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
    /// Answers with a model of half the layers.
    SmallerModel,
    /// Answers with the model's weights rounded to 4 bits.
    Quantised,
    /// Samples at half of the temperature that it is asked for.
    Temperature,
    /// Reads only the second half of a prompt.
    CutPrompt,
    /// Lets a small model write, and shows the fingerprint of the true one over its words.
    PrefillOnly,
    /// Answers with what it computed under an earlier nonce.
    Cached,
    /// Holds all tokens back until they are overdue, and then sends them at once.
    Burst,
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Rounds of integer matrix products.
    Compute,
    /// Answers of models.
    Inference,
}

/// What must become of a neuron for `--check` to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Earns in every paid epoch.
    Earns,
    /// Earns nothing, and what the validators find in its field is this fault, or one of these: what a sample of answers shows
    /// first is chance.
    Caught(&'static [Fault]),
    /// Earns like its siblings of the same group together no more than one honest miner.
    EarnsAsOne,
}

impl Cheat {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Partial,
        Self::SkipLayers,
        Self::Foreign,
        Self::Shared,
        Self::Replay,
        Self::RefuseOpen,
        Self::Slow,
        Self::Offline,
        Self::SmallerModel,
        Self::Quantised,
        Self::Temperature,
        Self::CutPrompt,
        Self::PrefillOnly,
        Self::Cached,
        Self::Burst,
    ];

    /// Those that cheat in this field.
    pub fn of(field: Field) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |cheat| cheat.field() == field)
    }

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
            Self::SmallerModel => "smaller-model",
            Self::Quantised => "quantised",
            Self::Temperature => "temperature",
            Self::CutPrompt => "cut-prompt",
            Self::PrefillOnly => "prefill-only",
            Self::Cached => "cached",
            Self::Burst => "burst",
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
            | Self::Offline
            | Self::SmallerModel
            | Self::Quantised
            | Self::Temperature
            | Self::CutPrompt
            | Self::PrefillOnly
            | Self::Cached
            | Self::Burst => 1,
        }
    }

    /// In which kind of work it cheats. In the other it does nothing, so that what it earns, it earns by cheating.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::Partial
            | Self::SkipLayers
            | Self::Foreign
            | Self::Shared
            | Self::Replay
            | Self::RefuseOpen
            | Self::Slow
            | Self::Offline => Field::Compute,
            Self::SmallerModel
            | Self::Quantised
            | Self::Temperature
            | Self::CutPrompt
            | Self::PrefillOnly
            | Self::Cached
            | Self::Burst => Field::Inference,
        }
    }

    /// What it deserves.
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::Partial | Self::SkipLayers | Self::Foreign | Self::Replay => Fate::Caught(&[Fault::WrongRow]),
            Self::RefuseOpen => Fate::Caught(&[Fault::OpeningRefused]),
            Self::Slow => Fate::Caught(&[Fault::NoRoot]),
            Self::Offline => Fate::Caught(&[Fault::Unreachable]),
            Self::Shared => Fate::EarnsAsOne,
            // The fingerprint is in order.
            Self::Temperature | Self::PrefillOnly | Self::Cached => {
                Fate::Caught(&[Fault::WrongTokens, Fault::WrongEnd, Fault::Drift])
            }
            // Other activations too, where a fingerprint was asked for.
            Self::SmallerModel | Self::Quantised | Self::CutPrompt => {
                Fate::Caught(&[Fault::WrongTokens, Fault::WrongEnd, Fault::WrongFingerprint, Fault::Drift])
            }
            Self::Burst => Fate::Caught(&[Fault::Late]),
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
