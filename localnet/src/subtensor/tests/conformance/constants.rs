//! What the recording runtimes set differently from production; the tables of `CALLS.md`.

use serde_json::{Value, json};

use super::interface::Interface;
use crate::runtime::{ExistentialDeposit, HotkeySwapOnSubnetInterval, KeySwapCost, KeySwapOnSubnetCost};

/// Subnets for which a recording runtime's defaults are written down.
const NETUIDS: std::ops::RangeInclusive<u16> = 0..=16;

/// The values of one recording runtime; empty for production's.
pub struct Constants {
    global: Vec<(&'static str, Value)>,
    per_subnet: Vec<(&'static str, Value)>,
    mock: bool,
    swap_interval: u64,
}

impl Constants {
    pub fn of(env: &Value) -> Self {
        let admin = env == "admin-mock";
        if env == "production-constants" {
            return Self { global: Vec::new(), per_subnet: Vec::new(), mock: false, swap_interval: 7200 };
        }
        let mut new = crate::subtensor::types::SubnetDefaults::MAINNET;
        new.serving_rate_limit = 0;
        Self {
            global: vec![
                ("NewSubnet", json!(new)),
                ("AdminFreezeWindow", json!(if admin { 1 } else { 10 })),
                ("MaxEpochsPerBlock", json!(32)),
                ("MinDelegateTake", json!(5898)),
                ("NetworkLastLockCost", json!(100_000_000_000_u64)),
                ("NetworkLockReductionInterval", json!(2)),
                ("NetworkMinLockCost", json!(100_000_000_000_u64)),
                ("NetworkRateLimit", json!(0)),
                ("SubnetOwnerCut", json!(0)),
                ("TaoWeight", json!(if admin { u64::MAX / 10 } else { 0 })),
                ("TxChildkeyTakeRateLimit", json!(u8::from(!admin))),
                ("TxDelegateTakeRateLimit", json!(u8::from(!admin))),
                ("TxRateLimit", json!(0)),
                ("ColdkeySwapAnnouncementDelay", json!(50)),
                ("ColdkeySwapReannouncementDelay", json!(10)),
            ],
            per_subnet: vec![
                ("Burn", json!(0)),
                ("Difficulty", json!(10_000)),
                ("ImmunityPeriod", json!(2)),
                ("MaxAllowedValidators", json!(100)),
                ("MaxBurn", json!(1_000_000_000)),
                ("MaxDifficulty", json!(u64::MAX)),
                ("MaxRegistrationsPerBlock", json!(3)),
                ("MinAllowedUids", json!(2)),
                ("MinAllowedWeights", json!(0)),
                ("MinDifficulty", json!(1)),
                ("Rho", json!(30)),
                ("ServingRateLimit", json!(0)),
                ("Tempo", json!(if admin { 0 } else { 360 })),
            ],
            mock: true,
            swap_interval: if admin { 50_400 } else { 15 },
        }
    }

    /// Writes them down where the chain has no other values; what a dissolved subnet had is gone and comes back.
    pub fn apply(&self, interface: &Interface) -> Result<(), String> {
        if self.mock {
            ExistentialDeposit::set(&1);
            KeySwapCost::set(&1_000_000_000);
            KeySwapOnSubnetCost::set(&10_000_000);
            HotkeySwapOnSubnetInterval::set(&self.swap_interval);
        }
        for (name, value) in &self.global {
            interface.fill(name, &json!([]), value)?;
        }
        for (name, value) in &self.per_subnet {
            NETUIDS.into_iter().try_for_each(|netuid| interface.fill(name, &json!([netuid]), value))?;
        }
        Ok(())
    }
}
