//! Everything that assay uses of a subtensor chain, by name.
//!
//! Types are written as the runtime names them, `Compact` and single-field wrappers included where they stand today; see
//! [`crate::check`] for what counts as a harmless difference.

/// Who needs an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Every miner and validator: without it they cannot run.
    Neuron,
    /// Only the owner's operations and test set-ups.
    Owner,
}

/// A named argument or field: name and type.
pub type Field = (&'static str, &'static str);

/// One thing the runtime must offer.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The pallet, or the trait of a runtime API.
    pub pallet: &'static str,
    /// The item in it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Who needs it.
    pub role: Role,
}

/// What an item is, and its types.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A call; arguments are given by name.
    Call(&'static [Field]),
    /// A storage item: types of its keys, type of its value.
    Storage(&'static [&'static str], &'static str),
    /// A runtime API: its arguments, and the fields that are read from the answer.
    Api(&'static [Field], &'static [Field]),
    /// A constant.
    Constant(&'static str),
    /// An event that is looked for by name.
    Event,
}

const SUBTENSOR: &str = "SubtensorModule";

const fn item(pallet: &'static str, name: &'static str, kind: Kind, role: Role) -> Item {
    Item { pallet, name, kind, role }
}

/// Sets the weights of a validator on one mechanism of a subnet.
pub const SET_MECHANISM_WEIGHTS: Item = item(
    SUBTENSOR,
    "set_mechanism_weights",
    Kind::Call(&[
        ("netuid", "u16"),
        ("mecid", "u8"),
        ("dests", "Vec<u16>"),
        ("weights", "Vec<u16>"),
        ("version_key", "u64"),
    ]),
    Role::Neuron,
);

/// Announces where a neuron serves.
pub const SERVE_AXON: Item = item(
    SUBTENSOR,
    "serve_axon",
    Kind::Call(&[
        ("netuid", "u16"),
        ("version", "u32"),
        ("ip", "u128"),
        ("port", "u16"),
        ("ip_type", "u8"),
        ("protocol", "u8"),
        ("placeholder1", "u8"),
        ("placeholder2", "u8"),
    ]),
    Role::Neuron,
);

/// Creates a subnet; the signer becomes its owner.
pub const REGISTER_NETWORK: Item =
    item(SUBTENSOR, "register_network", Kind::Call(&[("hotkey", "AccountId32")]), Role::Owner);

/// Buys a place on a subnet.
pub const BURNED_REGISTER: Item =
    item(SUBTENSOR, "burned_register", Kind::Call(&[("netuid", "u16"), ("hotkey", "AccountId32")]), Role::Owner);

/// Stakes TAO on a hotkey of a subnet.
pub const ADD_STAKE: Item = item(
    SUBTENSOR,
    "add_stake",
    Kind::Call(&[("hotkey", "AccountId32"), ("netuid", "u16"), ("amount_staked", "u64")]),
    Role::Owner,
);

/// Starts the emission of a new subnet.
pub const START_CALL: Item = item(SUBTENSOR, "start_call", Kind::Call(&[("netuid", "u16")]), Role::Owner);

/// Runs a call as root.
pub const SUDO: Item = item("Sudo", "sudo", Kind::Call(&[("call", "RuntimeCall")]), Role::Owner);

/// Blocks from one epoch to the next.
pub const TEMPO: Item = item(SUBTENSOR, "Tempo", Kind::Storage(&["u16"], "u16"), Role::Neuron);

/// The block of the last epoch.
pub const LAST_EPOCH_BLOCK: Item = item(SUBTENSOR, "LastEpochBlock", Kind::Storage(&["u16"], "u64"), Role::Neuron);

/// How many epochs a subnet has had.
pub const SUBNET_EPOCH_INDEX: Item = item(SUBTENSOR, "SubnetEpochIndex", Kind::Storage(&["u16"], "u64"), Role::Neuron);

/// How a subnet reaches its consensus. Not in [`ALL`]: runtimes up to 425 have Yuma alone and lack the item.
pub const SUBNET_EPOCH_CONSENSUS: Item =
    item(SUBTENSOR, "SubnetEpochConsensus", Kind::Storage(&["u16"], "EpochConsensus"), Role::Neuron);

/// Whether a subnet takes sealed weights only.
pub const COMMIT_REVEAL_WEIGHTS_ENABLED: Item =
    item(SUBTENSOR, "CommitRevealWeightsEnabled", Kind::Storage(&["u16"], "bool"), Role::Neuron);

/// Where a hotkey of a subnet serves.
pub const AXONS: Item = item(SUBTENSOR, "Axons", Kind::Storage(&["u16", "AccountId32"], "AxonInfo"), Role::Neuron);

/// A whole subnet in one answer.
pub const GET_METAGRAPH: Item = item(
    "SubnetInfoRuntimeApi",
    "get_metagraph",
    Kind::Api(
        &[("netuid", "u16")],
        &[
            ("owner_hotkey", "AccountId32"),
            ("tempo", "Compact<u16>"),
            ("weights_version", "Compact<u64>"),
            ("weights_rate_limit", "Compact<u64>"),
            ("commit_reveal_weights_enabled", "bool"),
            ("hotkeys", "Vec<AccountId32>"),
            ("coldkeys", "Vec<AccountId32>"),
            ("axons", "Vec<AxonInfo>"),
            ("active", "Vec<bool>"),
            ("validator_permit", "Vec<bool>"),
            ("last_update", "Vec<Compact<u64>>"),
            ("emission", "Vec<Compact<u64>>"),
            ("dividends", "Vec<Compact<u16>>"),
            ("incentives", "Vec<Compact<u16>>"),
            ("block_at_registration", "Vec<Compact<u64>>"),
            ("total_stake", "Vec<Compact<u64>>"),
        ],
    ),
    Role::Neuron,
);

/// When a block was made, in milliseconds since the Unix epoch.
pub const TIMESTAMP: Item = item("Timestamp", "Now", Kind::Storage(&[], "u64"), Role::Neuron);

/// The time of a block in milliseconds.
pub const SLOT_DURATION: Item = item("Aura", "SlotDuration", Kind::Constant("u64"), Role::Neuron);

/// An extrinsic that is in a block and failed there.
pub const EXTRINSIC_FAILED: Item = item("System", "ExtrinsicFailed", Kind::Event, Role::Neuron);

/// A new subnet and its number.
pub const NETWORK_ADDED: Item = item(SUBTENSOR, "NetworkAdded", Kind::Event, Role::Owner);

/// What the call inside a sudo call ended with.
pub const SUDID: Item = item("Sudo", "Sudid", Kind::Event, Role::Owner);

/// The list.
pub const ALL: &[Item] = &[
    SET_MECHANISM_WEIGHTS,
    SERVE_AXON,
    REGISTER_NETWORK,
    BURNED_REGISTER,
    ADD_STAKE,
    START_CALL,
    SUDO,
    TEMPO,
    LAST_EPOCH_BLOCK,
    SUBNET_EPOCH_INDEX,
    COMMIT_REVEAL_WEIGHTS_ENABLED,
    AXONS,
    GET_METAGRAPH,
    TIMESTAMP,
    SLOT_DURATION,
    EXTRINSIC_FAILED,
    NETWORK_ADDED,
    SUDID,
];

/// The transaction extensions that the client fills in. Others are harmless as long as they carry no data.
pub const EXTENSIONS: &[&str] = &[
    "VerifyMultiSignature",
    "CheckSpecVersion",
    "CheckTxVersion",
    "CheckNonce",
    "CheckGenesis",
    "CheckMortality",
    "ChargeAssetTxPayment",
    "ChargeTransactionPayment",
    "CheckMetadataHash",
];
