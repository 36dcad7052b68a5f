//! The table of setters becomes a pallet.
//!
//! A row of `global` is `index call(value: type) => Storage -> Event;`: root sets a value of the whole chain.
//! A row of `subnet` is `index call(netuid, value: type) Who Checks => Storage -> Event;`: `Root` or `Owner(Hyperparameter)`, the latter
//! with the owner's rate limit for it; `Open` refuses in the freeze window, `Known` wants the subnet to exist.
//! Before `=>` each `[condition, error]` is a bound of the value. A row without `-> Event` deposits none. `others` are calls in full.

macro_rules! setters {
    (
        global { $($g_index:tt $g_call:ident($g_value:ident: $g_type:ty)
            $([$g_bound:expr, $g_error:expr])* => $g_storage:ident $(-> $g_event:ident)?;)* }
        subnet { $($index:tt $call:ident($netuid:ident, $value:ident: $type:ty) $who:ident $(($limit:ident))? $($check:ident)*
            $([$bound:expr, $error:expr])* => $storage:ident $(-> $event:ident)?;)* }
        others { $($others:tt)* }
    ) => {
        /// The pallet.
        #[frame_support::pallet]
        pub mod pallet {
            use frame_support::pallet_prelude::*;
            use frame_system::pallet_prelude::*;
            use sp_runtime::AccountId32;

            use super::{
                mechanisms::{MAX_UIDS, within_uid_budget},
                permit::{Check, Permit, Who},
            };
            use crate::{
                preset::TAO,
                subtensor::{
                    self, Error as Refusal, Event as Happened, Pallet as Subtensor, network::ROOT, owner::Limit,
                    types::{FixedI128, FixedU128, Hyperparameter, RecycleOrBurnEnum},
                    AlphaSigmoidSteepness, AlphaValues, BondsMovingAverage, BondsResetOn, BurnHalfLife, BurnIncreaseMult,
                    LiquidAlphaOn, MaxAllowedUids, MaxBurn, MaxChildkeyTake, MechanismCountCurrent, MinActivityCutoff,
                    MinAllowedUids, MinBurn, MinChildkeyTake, OwnerCutAutoLockEnabled, OwnerCutEnabled,
                    SubnetEmissionEnabled, SubnetworkN, WeightsVersionKey, Yuma3On,
                },
            };

            /// Weight of a call: a few reads and a write.
            const LIGHT: Weight = Weight::from_parts(1_000_000_000, 0);
            /// One, in 64 fraction bits.
            const ONE: u128 = 1 << 64;
            /// The longest half-life of the price of a place, in blocks.
            const LONGEST_HALF_LIFE: u16 = 36_100;
            /// The lowest bound of liquid alpha: a fortieth.
            const LOWEST_ALPHA: u16 = 1638;
            /// The slowest bonds that an owner may choose, in millionths.
            const OWNERS_BONDS_MOVING_AVERAGE: u64 = 975_000;

            /// Everything that is set belongs to the other pallet.
            #[pallet::config]
            pub trait Config:
                frame_system::Config<RuntimeEvent: From<Event<Self>>> + subtensor::Config
            {
            }

            #[pallet::pallet]
            pub struct Pallet<T>(_);

            /// What is set here; most settings are events of the other pallet.
            #[pallet::event]
            #[pallet::generate_deposit(pub(super) fn deposit_event)]
            pub enum Event<T: Config> {
                #[codec(index = 1)]
                Yuma3EnableToggled { netuid: u16, enabled: bool },
                #[codec(index = 2)]
                BondsResetToggled { netuid: u16, enabled: bool },
                #[codec(index = 3)]
                BurnHalfLifeSet { netuid: u16, burn_half_life: u16 },
                #[codec(index = 4)]
                BurnIncreaseMultSet { netuid: u16, burn_increase_mult: FixedU128 },
                #[codec(index = 5)]
                SubnetEmissionEnabledSet { netuid: u16, enabled: bool },
            }

            /// Why a setting is refused, in subtensor's order.
            #[pallet::error]
            pub enum Error<T> {
                SubnetDoesNotExist,
                MaxValidatorsLargerThanMaxUIds,
                MaxAllowedUIdsLessThanCurrentUIds,
                BondsMovingAverageMaxReached,
                NegativeSigmoidSteepness,
                ValueNotInBounds,
                MinAllowedUidsGreaterThanCurrentUids,
                MinAllowedUidsGreaterThanMaxAllowedUids,
                MaxAllowedUidsLessThanMinAllowedUids,
                MaxAllowedUidsGreaterThanDefaultMaxAllowedUids,
                InvalidValue,
                NotPermittedOnRootSubnet,
                POWRegistrationDisabled,
                Deprecated,
            }

            #[pallet::call]
            impl<T: Config> Pallet<T> {
                $(
                    #[pallet::call_index($g_index)]
                    #[pallet::weight(LIGHT)]
                    pub fn $g_call(origin: OriginFor<T>, $g_value: $g_type) -> DispatchResult {
                        ensure_root(origin)?;
                        $(ensure!($g_bound, $g_error);)*
                        subtensor::$g_storage::<T>::put($g_value);
                        $(Subtensor::<T>::deposit_event(Happened::$g_event($g_value));)?
                        Ok(())
                    }
                )*
                $(
                    #[pallet::call_index($index)]
                    #[pallet::weight(LIGHT)]
                    pub fn $call(origin: OriginFor<T>, $netuid: u16, $value: $type) -> DispatchResult {
                        let permit = Permit::<T>::of(origin, $netuid, Who::$who $((Hyperparameter::$limit))?)?
                            $(.check(Check::$check)?)*;
                        $(ensure!($bound, $error);)*
                        subtensor::$storage::<T>::insert($netuid, $value);
                        $(Subtensor::<T>::deposit_event(Happened::$event($netuid, $value));)?
                        permit.count();
                        Ok(())
                    }
                )*
                $($others)*
            }
        }
    };
}

pub(super) use setters;
