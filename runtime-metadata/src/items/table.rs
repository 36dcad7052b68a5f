//! The table. Add what you look up, with its types on the main network, and who needs it.

use super::{Hasher, Item, Kind, Role, Ty};

/// Makes a constant of each entry, and the list of all: what is in the table is also checked. `newer` marks what runtimes
/// up to 425 lack.
macro_rules! items {
    ($($(#[$doc:meta])* $item:ident = $pallet:literal . $name:literal, $kind:expr, [$($role:ident),+] $($newer:ident)?;)+) => {
        $($(#[$doc])* pub const $item: Item = Item {
            pallet: $pallet,
            name: $name,
            kind: $kind,
            roles: &[$(Role::$role),+],
            newer: items!(@newer $($newer)?),
        };)+

        /// The whole table.
        pub const ALL: &[Item] = &[$($item),+];
    };
    (@newer) => { false };
    (@newer newer) => { true };
}

/// A subnet's number as the key of a map.
const NETUID: (Hasher, Ty) = (Hasher::Identity, Ty::U16);
/// Where a neuron serves, as far as it is read.
const AXON: Ty =
    Ty::Struct(&[("version", Ty::U32), ("ip", Ty::U128), ("port", Ty::U16), ("ip_type", Ty::U8), ("protocol", Ty::U8)]);
/// Bytes of bounded number.
const BOUNDED: Ty = Ty::Newtype("BoundedVec", &Ty::Vec(&Ty::U8));
const COMPACT_U16: Ty = Ty::Compact(&Ty::U16);
const COMPACT_U64: Ty = Ty::Compact(&Ty::U64);
const ACCOUNTS: Ty = Ty::Vec(&Ty::ACCOUNT);
const FLAGS: Ty = Ty::Vec(&Ty::Bool);

items! {
    /// Sets the weights of a validator on one mechanism of a subnet.
    SET_MECHANISM_WEIGHTS = "SubtensorModule"."set_mechanism_weights", Kind::Call(&[
        ("netuid", Ty::U16),
        ("mecid", Ty::U8),
        ("dests", Ty::Vec(&Ty::U16)),
        ("weights", Ty::Vec(&Ty::U16)),
        ("version_key", Ty::U64),
    ]), [Validator];

    /// Commits encrypted weights of a validator on one mechanism of a subnet.
    COMMIT_TIMELOCKED_MECHANISM_WEIGHTS = "SubtensorModule"."commit_timelocked_mechanism_weights", Kind::Call(&[
        ("netuid", Ty::U16),
        ("mecid", Ty::U8),
        ("commit", BOUNDED),
        ("reveal_round", Ty::U64),
        ("commit_reveal_version", Ty::U16),
    ]), [Validator];

    /// Announces where a neuron serves.
    SERVE_AXON = "SubtensorModule"."serve_axon", Kind::Call(&[
        ("netuid", Ty::U16),
        ("version", Ty::U32),
        ("ip", Ty::U128),
        ("port", Ty::U16),
        ("ip_type", Ty::U8),
        ("protocol", Ty::U8),
        ("placeholder1", Ty::U8),
        ("placeholder2", Ty::U8),
    ]), [Miner];

    /// Creates a subnet; the signer becomes its owner.
    REGISTER_NETWORK = "SubtensorModule"."register_network", Kind::Call(&[("hotkey", Ty::ACCOUNT)]), [Owner];

    /// Buys a place on a subnet.
    BURNED_REGISTER = "SubtensorModule"."burned_register",
        Kind::Call(&[("netuid", Ty::U16), ("hotkey", Ty::ACCOUNT)]), [Owner];

    /// Buys a place on a subnet if its price is within a limit.
    REGISTER_LIMIT = "SubtensorModule"."register_limit",
        Kind::Call(&[("netuid", Ty::U16), ("hotkey", Ty::ACCOUNT), ("limit_price", Ty::U64)]), [Owner];

    /// Stakes TAO on a hotkey of a subnet.
    ADD_STAKE = "SubtensorModule"."add_stake",
        Kind::Call(&[("hotkey", Ty::ACCOUNT), ("netuid", Ty::U16), ("amount_staked", Ty::U64)]), [Owner];

    /// Starts the emission of a new subnet.
    START_CALL = "SubtensorModule"."start_call", Kind::Call(&[("netuid", Ty::U16)]), [Owner];

    /// Runs a call as root.
    SUDO = "Sudo"."sudo", Kind::Call(&[("call", Ty::Enum(&["System", "SubtensorModule"]))]), [Owner];

    /// Blocks from one epoch to the next.
    TEMPO = "SubtensorModule"."Tempo", Kind::Storage(&[NETUID], Ty::U16), [Miner, Validator];

    /// The block of the last epoch.
    LAST_EPOCH_BLOCK = "SubtensorModule"."LastEpochBlock", Kind::Storage(&[NETUID], Ty::U64), [Miner, Validator];

    /// How many epochs a subnet has had.
    SUBNET_EPOCH_INDEX = "SubtensorModule"."SubnetEpochIndex", Kind::Storage(&[NETUID], Ty::U64), [Miner, Validator];

    /// How a subnet reaches its consensus; where the item is not there, by Yuma.
    SUBNET_EPOCH_CONSENSUS = "SubtensorModule"."SubnetEpochConsensus",
        Kind::Storage(&[NETUID], Ty::Enum(&["Yuma", "Null"])), [Miner, Validator] newer;

    /// Whether a subnet takes sealed weights only.
    COMMIT_REVEAL_WEIGHTS_ENABLED = "SubtensorModule"."CommitRevealWeightsEnabled",
        Kind::Storage(&[NETUID], Ty::Bool), [Validator];

    /// The version of commits that the chain takes.
    COMMIT_REVEAL_WEIGHTS_VERSION = "SubtensorModule"."CommitRevealWeightsVersion",
        Kind::Storage(&[], Ty::U16), [Validator];

    /// How many epochs after its commit a subnet's weights are revealed.
    REVEAL_PERIOD_EPOCHS = "SubtensorModule"."RevealPeriodEpochs",
        Kind::Storage(&[(Hasher::TwoxConcat, Ty::U16)], Ty::U64), [Validator];

    /// The block to which an epoch was put off.
    PENDING_EPOCH_AT = "SubtensorModule"."PendingEpochAt", Kind::Storage(&[NETUID], Ty::U64), [Validator];

    /// Blocks since the emission of a subnet was last distributed.
    BLOCKS_SINCE_LAST_STEP = "SubtensorModule"."BlocksSinceLastStep", Kind::Storage(&[NETUID], Ty::U64), [Validator];

    /// The weights of a neuron that count; the first key is subnet and mechanism.
    WEIGHTS = "SubtensorModule"."Weights",
        Kind::Storage(&[NETUID, (Hasher::Identity, Ty::U16)], Ty::Vec(&Ty::Tuple(&[Ty::U16, Ty::U16]))), [Validator];

    /// The beacon whose signatures open commits.
    BEACON_CONFIG = "Drand"."BeaconConfig", Kind::Storage(&[], Ty::Struct(&[
        ("public_key", BOUNDED),
        ("period", Ty::U32),
        ("genesis_time", Ty::U32),
        ("hash", BOUNDED),
        ("scheme_id", BOUNDED),
    ])), [Validator];

    /// Where a hotkey of a subnet serves.
    AXONS = "SubtensorModule"."Axons",
        Kind::Storage(&[NETUID, (Hasher::Blake2Concat, Ty::ACCOUNT)], AXON), [Miner];

    /// A whole subnet in one answer.
    GET_METAGRAPH = "SubnetInfoRuntimeApi"."get_metagraph", Kind::Api(
        &[("netuid", Ty::U16)],
        &[
            ("owner_hotkey", Ty::ACCOUNT),
            ("tempo", COMPACT_U16),
            ("weights_version", COMPACT_U64),
            ("weights_rate_limit", COMPACT_U64),
            ("commit_reveal_weights_enabled", Ty::Bool),
            ("hotkeys", ACCOUNTS),
            ("coldkeys", ACCOUNTS),
            ("axons", Ty::Vec(&AXON)),
            ("active", FLAGS),
            ("validator_permit", FLAGS),
            ("last_update", Ty::Vec(&COMPACT_U64)),
            ("emission", Ty::Vec(&COMPACT_U64)),
            ("dividends", Ty::Vec(&COMPACT_U16)),
            ("incentives", Ty::Vec(&COMPACT_U16)),
            ("block_at_registration", Ty::Vec(&COMPACT_U64)),
            ("total_stake", Ty::Vec(&COMPACT_U64)),
        ],
    ), [Miner, Validator];

    /// The next transaction number of an account.
    ACCOUNT_NONCE = "AccountNonceApi"."account_nonce",
        Kind::Api(&[("account", Ty::ACCOUNT)], &[]), [Miner, Validator, Owner];

    /// When a block was made, in milliseconds since the Unix epoch.
    TIMESTAMP = "Timestamp"."Now", Kind::Storage(&[], Ty::U64), [Miner, Validator];

    /// The time of a block in milliseconds.
    SLOT_DURATION = "Aura"."SlotDuration", Kind::Constant(Ty::U64), [Miner, Validator];

    /// What a place on a subnet costs.
    BURN = "SubtensorModule"."Burn", Kind::Storage(&[NETUID], Ty::U64), [Owner];

    /// The TAO of an account.
    ACCOUNT = "System"."Account", Kind::Storage(
        &[(Hasher::Blake2Concat, Ty::ACCOUNT)],
        Ty::Struct(&[("data", Ty::Struct(&[("free", Ty::U64)]))]),
    ), [Owner];

    /// What TAO would buy of a subnet's alpha.
    SIM_SWAP_TAO_FOR_ALPHA = "SwapRuntimeApi"."sim_swap_tao_for_alpha", Kind::Api(
        &[("netuid", Ty::U16), ("tao", Ty::U64)],
        &[("alpha_amount", Ty::U64), ("tao_fee", Ty::U64)],
    ), [Owner];

    /// An extrinsic that is in a block and failed there.
    EXTRINSIC_FAILED = "System"."ExtrinsicFailed", Kind::Event(&[Ty::Enum(&["Module"])]), [Miner, Validator, Owner];

    /// A new subnet and its number.
    NETWORK_ADDED = "SubtensorModule"."NetworkAdded", Kind::Event(&[Ty::U16]), [Owner];

    /// Who staked with whom, the TAO that was paid and the alpha that it bought.
    STAKE_ADDED = "SubtensorModule"."StakeAdded",
        Kind::Event(&[Ty::ACCOUNT, Ty::ACCOUNT, Ty::U64, Ty::U64]), [Owner];

    /// What the call inside a sudo call ended with.
    SUDID = "Sudo"."Sudid", Kind::Event(&[Ty::Enum(&["Ok", "Err"])]), [Owner];
}

/// The transaction extensions that the client fills in. Others can only be served as long as they carry no data.
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

/// The transaction extensions of the main network that carry no data.
pub const VOID_EXTENSIONS: &[&str] = &[
    "CheckNonZeroSender",
    "CheckWeight",
    "SudoTransactionExtension",
    "CheckShieldedTxValidity",
    "SubtensorTransactionExtension",
    "DrandPriority",
];
