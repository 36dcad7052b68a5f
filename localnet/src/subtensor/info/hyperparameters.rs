//! A subnet's hyperparameters by name.

use incentive::schedule::activity_cutoff;
use parity_scale_codec::Compact;

use super::answers::{
    FixedI64, HyperparamEntry,
    HyperparamValue::{self, Bool, I32F32, TaoBalance, U16, U32, U64, U64F64},
};
use crate::subtensor::pallet::*;

impl<T: Config> Pallet<T> {
    /// All hyperparameters in subtensor's order; none without the subnet.
    #[must_use]
    pub fn hyperparameters(netuid: u16) -> Option<Vec<HyperparamEntry>> {
        if !NetworksAdded::<T>::get(netuid) {
            return None;
        }
        let all = Self::consensus_parameters(netuid).into_iter().chain(Self::market_parameters(netuid));
        Some(all.map(|(name, value)| HyperparamEntry { name: name.into(), value }).collect())
    }

    fn consensus_parameters(netuid: u16) -> Vec<(&'static str, HyperparamValue)> {
        let factor = ActivityCutoffFactorMilli::<T>::get(netuid);
        let cutoff = activity_cutoff(factor, Tempo::<T>::get(netuid));
        vec![
            ("rho", U16(Compact(Rho::<T>::get(netuid)))),
            ("kappa", U16(Compact(Kappa::<T>::get(netuid)))),
            ("immunity_period", U16(Compact(ImmunityPeriod::<T>::get(netuid)))),
            ("min_allowed_weights", U16(Compact(MinAllowedWeights::<T>::get(netuid)))),
            ("max_weights_limit", U16(Compact(u16::MAX))),
            ("tempo", U16(Compact(Tempo::<T>::get(netuid)))),
            ("weights_version", U64(Compact(WeightsVersionKey::<T>::get(netuid)))),
            ("weights_rate_limit", U64(Compact(WeightsSetRateLimit::<T>::get(netuid)))),
            ("activity_cutoff", U64(Compact(cutoff))),
            ("activity_cutoff_factor", U32(Compact(factor))),
            ("registration_allowed", Bool(NetworkRegistrationAllowed::<T>::get(netuid))),
            ("target_regs_per_interval", U16(Compact(TargetRegistrationsPerInterval::<T>::get(netuid)))),
            ("min_burn", TaoBalance(Compact(MinBurn::<T>::get(netuid)))),
            ("max_burn", TaoBalance(Compact(MaxBurn::<T>::get(netuid)))),
            ("burn_half_life", U16(Compact(BurnHalfLife::<T>::get(netuid)))),
            ("burn_increase_mult", U64F64(BurnIncreaseMult::<T>::get(netuid))),
            ("bonds_moving_avg", U64(Compact(BondsMovingAverage::<T>::get(netuid)))),
            ("max_regs_per_block", U16(Compact(MaxRegistrationsPerBlock::<T>::get(netuid)))),
            ("serving_rate_limit", U64(Compact(ServingRateLimit::<T>::get(netuid)))),
            ("max_validators", U16(Compact(MaxAllowedValidators::<T>::get(netuid)))),
        ]
    }

    fn market_parameters(netuid: u16) -> Vec<(&'static str, HyperparamValue)> {
        let (low, high) = AlphaValues::<T>::get(netuid);
        let steepness = i64::from(AlphaSigmoidSteepness::<T>::get(netuid)) << 32;
        let yuma = if Yuma3On::<T>::get(netuid) { 3 } else { 2 };
        vec![
            ("commit_reveal_period", U64(Compact(RevealPeriodEpochs::<T>::get(netuid)))),
            ("commit_reveal_weights_enabled", Bool(CommitRevealWeightsEnabled::<T>::get(netuid))),
            ("alpha_high", U16(Compact(high))),
            ("alpha_low", U16(Compact(low))),
            ("liquid_alpha_enabled", Bool(LiquidAlphaOn::<T>::get(netuid))),
            ("alpha_sigmoid_steepness", I32F32(FixedI64 { bits: steepness })),
            ("yuma_version", U16(Compact(yuma))),
            ("subnet_is_active", Bool(SubtokenEnabled::<T>::get(netuid))),
            ("transfers_enabled", Bool(TransferToggle::<T>::get(netuid))),
            ("bonds_reset_enabled", Bool(BondsResetOn::<T>::get(netuid))),
            ("user_liquidity_enabled", Bool(false)),
            ("owner_cut_enabled", Bool(OwnerCutEnabled::<T>::get(netuid))),
            ("owner_cut_auto_lock_enabled", Bool(OwnerCutAutoLockEnabled::<T>::get(netuid))),
            ("min_childkey_take", U16(Compact(MinChildkeyTakePerSubnet::<T>::get(netuid)))),
        ]
    }
}
