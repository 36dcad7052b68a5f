//! The runtime: subtensor's interface (spec 425) as FRAME pallets, compiled natively.
//!
//! - [`extensions`]: what every signed extrinsic carries, and what the pool checks
//! - [`filter`]: calls that are never dispatched
//! - [`fees`]: what a call costs
//! - [`extrinsic`]: an extrinsic on the wire
//! - [`upgrade`]: other versions and other forms of the interface in the middle of a run
//! - [`apis`]: what clients may ask without an extrinsic; [`api::dispatch`] runs one by name
//!
//! Pallet and call indices are those of the main network, so recorded bytes mean the same in both places.

// What the FRAME macros generate carries no docs.
#![allow(missing_docs)]

use std::borrow::Cow;

use frame_support::{
    construct_runtime, derive_impl, parameter_types,
    traits::{ConstU8, ConstU32, ConstU64, VariantCountOf},
    weights::{Weight, constants::WEIGHT_REF_TIME_PER_SECOND},
};
use frame_system::limits::{BlockLength, BlockWeights};
use sp_runtime::{
    MultiAddress, MultiSignature, Perbill, generic,
    traits::{AccountIdLookup, BlakeTwo256, IdentifyAccount, Verify},
};
use sp_version::RuntimeVersion;

pub mod apis;
pub mod aura;
pub mod extensions;
pub mod extrinsic;
pub mod fees;
pub mod filter;
pub mod upgrade;

pub use apis::api;
pub use extrinsic::UncheckedExtrinsic;

/// A signature of any of the three key types.
pub type Signature = MultiSignature;
/// The public key of an account.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An amount in rao.
pub type Balance = u64;
/// How many extrinsics an account has sent.
pub type Nonce = u32;
/// Height of a block.
pub type BlockNumber = u32;
/// How an extrinsic names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// What a block's hash is taken of.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A header and its extrinsics.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// What runs a block.
pub type Executive =
    frame_executive::Executive<Runtime, Block, frame_system::ChainContext<Runtime>, Runtime, AllPalletsWithSystem>;

/// The version that clients see before the first upgrade; equal to the runtime whose rules and arithmetic are kept here.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("node-subtensor"),
    impl_name: Cow::Borrowed("node-subtensor"),
    authoring_version: 1,
    spec_version: 425,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

// The macro above takes nothing but a literal.
const _: () = assert!(VERSION.spec_version == incentive::RUNTIME);

const BLOCK_WEIGHT: Weight = Weight::from_parts(4 * WEIGHT_REF_TIME_PER_SECOND, u64::MAX);
const NORMAL_SHARE: Perbill = Perbill::from_percent(75);

parameter_types! {
    pub const BlockHashCount: BlockNumber = 2400;
    pub Weights: BlockWeights = BlockWeights::with_sensible_defaults(BLOCK_WEIGHT, NORMAL_SHARE);
    pub Length: BlockLength = BlockLength::builder()
        .max_length(10 * 1024 * 1024)
        .modify_max_length_for_class(frame_support::dispatch::DispatchClass::Normal, |length| {
            *length = NORMAL_SHARE * 10 * 1024 * 1024;
        })
        .build();
    pub const SS58Prefix: u8 = 42;
    // Written at genesis, so that `Aura.SlotDuration` says the block time of this chain.
    pub storage SlotDurationMs: u64 = 12_000;
    // In storage, so that what was recorded with other values can be played back.
    pub storage ExistentialDeposit: Balance = 500;
    pub storage KeySwapCost: Balance = 100_000_000;
    pub storage KeySwapOnSubnetCost: Balance = 1_000_000;
    pub storage HotkeySwapOnSubnetInterval: u64 = 7200;
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type AccountId = AccountId;
    type AccountData = pallet_balances::AccountData<Balance>;
    type BaseCallFilter = filter::CallFilter;
    type BlockHashCount = BlockHashCount;
    type BlockLength = Length;
    type BlockWeights = Weights;
    type DbWeight = frame_support::weights::constants::RocksDbWeight;
    type Lookup = AccountIdLookup<AccountId, ()>;
    type MaxConsumers = ConstU32<16>;
    type Nonce = Nonce;
    type SS58Prefix = SS58Prefix;
    type PostTransactions = upgrade::Ordered;
    type Version = upgrade::Version;
}

impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = ConstU64<1>;
    type Moment = u64;
    type OnTimestampSet = ();
    type WeightInfo = ();
}

impl aura::Config for Runtime {
    type SlotDuration = SlotDurationMs;
}

impl pallet_balances::Config for Runtime {
    type AccountStore = System;
    type Balance = Balance;
    type DoneSlashHandler = ();
    type DustRemoval = ();
    type ExistentialDeposit = ExistentialDeposit;
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
    type MaxLocks = ConstU32<50>;
    type MaxReserves = ConstU32<50>;
    type ReserveIdentifier = [u8; 8];
    type RuntimeEvent = RuntimeEvent;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type RuntimeHoldReason = RuntimeHoldReason;
    type WeightInfo = ();
}

impl pallet_transaction_payment::Config for Runtime {
    type FeeMultiplierUpdate = pallet_transaction_payment::ConstFeeMultiplier<fees::One>;
    type LengthToFee = fees::LengthToFee;
    type OnChargeTransaction = pallet_transaction_payment::FungibleAdapter<Balances, ()>;
    type OperationalFeeMultiplier = ConstU8<5>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
    type WeightToFee = fees::WeightToFee;
}

impl crate::subtensor::Config for Runtime {
    type HotkeySwapOnSubnetInterval = HotkeySwapOnSubnetInterval;
    type KeySwapCost = KeySwapCost;
    type KeySwapOnSubnetCost = KeySwapOnSubnetCost;
}

impl crate::commitments::Config for Runtime {
    type FieldDeposit = ConstU64<0>;
    type InitialDeposit = ConstU64<0>;
    type MaxFields = ConstU32<{ crate::commitments::data::MAX_FIELDS }>;
}

impl crate::admin::Config for Runtime {}

impl crate::drand::Config for Runtime {
    type UnsignedPriority = ConstU64<1_048_576>;
}

impl pallet_utility::Config for Runtime {
    type PalletsOrigin = OriginCaller;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_sudo::Config for Runtime {
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

construct_runtime!(
    pub enum Runtime {
        System: frame_system = 0,
        Timestamp: pallet_timestamp = 2,
        Aura: aura = 3,
        Balances: pallet_balances = 5,
        TransactionPayment: pallet_transaction_payment = 6,
        SubtensorModule: crate::subtensor = 7,
        Utility: pallet_utility = 11,
        Sudo: pallet_sudo = 12,
        Commitments: crate::commitments = 18,
        AdminUtils: crate::admin = 19,
        Drand: crate::drand = 26,
    }
);

#[cfg(test)]
mod tests;
