//! What storage holds and clients decode. Field order is the wire format.

use frame_support::{BoundedVec, traits::ConstU32};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Where a neuron says it can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct AxonInfo {
    /// Block of the announcement.
    pub block: u64,
    /// Version of the neuron's program, its own numbering.
    pub version: u32,
    /// IPv4 address as a number, or IPv6.
    pub ip: u128,
    /// TCP port.
    pub port: u16,
    /// 4 or 6.
    pub ip_type: u8,
    /// Protocol number, not interpreted.
    pub protocol: u8,
    /// Not interpreted.
    pub placeholder1: u8,
    /// Not interpreted.
    pub placeholder2: u8,
}

/// The public key with which a neuron proves who serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct NeuronCertificate {
    /// The key.
    pub public_key: BoundedVec<u8, ConstU32<64>>,
    /// Which kind of key; not interpreted.
    pub algorithm: u8,
}

/// Where a neuron's metrics can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct PrometheusInfo {
    /// Block of the announcement.
    pub block: u64,
    /// Version of the neuron's program.
    pub version: u32,
    /// IPv4 address as a number, or IPv6.
    pub ip: u128,
    /// TCP port.
    pub port: u16,
    /// 4 or 6.
    pub ip_type: u8,
}

/// Who a coldkey says it is. Nobody can say so on this chain yet; lists of identities are lists of `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ChainIdentityV2 {
    pub name: Vec<u8>,
    pub url: Vec<u8>,
    pub github_repo: Vec<u8>,
    pub image: Vec<u8>,
    pub discord: Vec<u8>,
    pub description: Vec<u8>,
    pub additional: Vec<u8>,
}

/// What a subnet says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SubnetIdentityV3 {
    pub subnet_name: Vec<u8>,
    pub github_repo: Vec<u8>,
    pub subnet_contact: Vec<u8>,
    pub subnet_url: Vec<u8>,
    pub discord: Vec<u8>,
    pub description: Vec<u8>,
    pub logo_url: Vec<u8>,
    pub additional: Vec<u8>,
}

/// A signed fixed-point number as the chain stores it; the reader knows how many of the bits are fraction.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct FixedI128 {
    /// The number in units of its last bit.
    pub bits: i128,
}

/// An unsigned fixed-point number as the chain stores it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct FixedU128 {
    /// The number in units of its last bit.
    pub bits: u128,
}

/// A share of a hotkey's stake: `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct SafeFloat {
    /// Digits.
    pub mantissa: u128,
    /// Power of ten.
    pub exponent: i64,
}

/// What happens to incentives of the subnet owner's own neurons.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum RecycleOrBurnEnum {
    /// The alpha stays issued and belongs to nobody.
    #[default]
    Burn,
    /// The alpha is taken out of issuance.
    Recycle,
}

/// Whose weights decide. Newer than spec 425; clients of newer runtimes read it before they set weights.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub enum EpochConsensus {
    /// Stake-weighted agreement.
    #[default]
    Yuma,
    /// One validator decides. Never chosen here.
    Null,
}

/// What a rate limit counts from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum RateLimitKey<AccountId> {
    /// The owner of a subnet chose its hotkey.
    SetSNOwnerHotkey(u16),
    /// The owner of a subnet changed a hyperparameter.
    OwnerHyperparamUpdate(u16, Hyperparameter),
    /// A subnet was registered.
    NetworkLastRegistered,
    /// A key was swapped.
    LastTxBlock(AccountId),
    /// A hotkey's take from its parents was set.
    LastTxBlockChildKeyTake(AccountId),
    /// A hotkey's take was set.
    LastTxBlockDelegateTake(AccountId),
    /// Stake of a subnet was bought and burned.
    AddStakeBurn(u16),
}

/// Hyperparameters that an owner may change only now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
#[allow(missing_docs, reason = "named after their storage")]
pub enum Hyperparameter {
    Unknown,
    ServingRateLimit,
    MaxDifficulty,
    AdjustmentAlpha,
    MaxWeightLimit,
    ImmunityPeriod,
    MinAllowedWeights,
    Kappa,
    Rho,
    ActivityCutoff,
    PowRegistrationAllowed,
    MinBurn,
    MaxBurn,
    BondsMovingAverage,
    BondsPenalty,
    CommitRevealEnabled,
    LiquidAlphaEnabled,
    AlphaValues,
    WeightCommitInterval,
    TransferEnabled,
    AlphaSigmoidSteepness,
    Yuma3Enabled,
    BondsResetEnabled,
    ImmuneNeuronLimit,
    RecycleOrBurn,
    MaxAllowedUids,
    BurnHalfLife,
    BurnIncreaseMult,
    SubnetEmissionEnabled,
    MinChildkeyTake,
    ActivityCutoffFactorMilli,
    TriggerEpoch,
}

/// Weights as they are committed: a ciphertext that a signature of the beacon opens.
pub type SealedWeights = BoundedVec<u8, ConstU32<5000>>;

/// Hyperparameters that a new subnet starts with and that differ between presets.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct SubnetDefaults {
    /// Blocks per epoch.
    pub tempo: u16,
    /// Blocks between two weight vectors of a neuron.
    pub weights_rate_limit: u64,
    /// Blocks between two announcements of a neuron.
    pub serving_rate_limit: u64,
    /// Blocks during which a new neuron is not replaced.
    pub immunity_period: u16,
    /// Whether weights are committed first and revealed later.
    pub commit_reveal: bool,
}

impl SubnetDefaults {
    /// What the main network gives to a new subnet.
    pub const MAINNET: Self = Self {
        tempo: 360,
        weights_rate_limit: 100,
        serving_rate_limit: 50,
        immunity_period: 5000,
        commit_reveal: true,
    };
}

impl Default for SubnetDefaults {
    fn default() -> Self {
        Self::MAINNET
    }
}
