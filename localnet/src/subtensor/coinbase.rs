//! What every block does before its calls: prices fall, tokens are minted, due epochs run.

use frame_support::traits::fungible::Mutate as _;
use incentive::{
    emission::{self, Candidate, PriceRule},
    fixed::{I96F32, U64F64, U96F32, convert, div, mul, to_u64},
    registration::{BurnRule, burn_decay},
    schedule::{self, Rhythm, Step},
};

use super::{
    distribution::Drained,
    network::ROOT,
    pallet::*,
    types::{FixedI128, FixedU128},
};

impl<T: Config> Pallet<T> {
    /// The work of a block, in the chain's order.
    pub(super) fn block_step(block: u64) {
        let netuids = Self::subnets();
        for netuid in &netuids {
            Self::lower_burn(*netuid, block);
        }
        TotalIssuance::<T>::put(pallet_balances::Pallet::<T>::total_issuance());
        let minted = emission::block_emission(TotalIssuance::<T>::get());
        BlockEmission::<T>::put(minted);
        Self::reveal_commits(&netuids, block);
        Self::run_coinbase(&netuids, block, minted);
        for netuid in netuids {
            Self::move_price(netuid, block);
            RootProp::<T>::insert(netuid, FixedU128 { bits: Self::root_proportion(netuid).to_bits() });
        }
        TotalIssuance::<T>::put(pallet_balances::Pallet::<T>::total_issuance());
    }

    /// Mints what `minted` rao of TAO stand for in every subnet, then pays where an epoch is due.
    pub(super) fn run_coinbase(netuids: &[u16], block: u64, minted: u64) {
        Self::emit(netuids, minted);
        for (netuid, drained) in Self::due_epochs(netuids, block) {
            Self::distribute(netuid, block, &drained);
        }
    }

    /// How the price of a place on the subnet moves.
    pub(super) fn burn_rule(netuid: u16) -> BurnRule {
        BurnRule {
            min: MinBurn::<T>::get(netuid),
            max: MaxBurn::<T>::get(netuid),
            half_life: BurnHalfLife::<T>::get(netuid),
            increase: U64F64::from_bits(BurnIncreaseMult::<T>::get(netuid).bits),
        }
    }

    fn lower_burn(netuid: u16, block: u64) {
        let burn = Burn::<T>::get(netuid);
        let lower = burn_decay(burn, &Self::burn_rule(netuid), block);
        if lower != burn {
            Burn::<T>::insert(netuid, lower);
            Self::deposit_event(Event::BurnSet(netuid, lower));
        }
        RegistrationsThisBlock::<T>::remove(netuid);
    }

    fn takes_part(netuid: u16) -> bool {
        FirstEmissionBlockNumber::<T>::contains_key(netuid)
            && SubtokenEnabled::<T>::get(netuid)
            && NetworkRegistrationAllowed::<T>::get(netuid)
    }

    /// Mints a block's TAO and each subnet's alpha.
    fn emit(netuids: &[u16], minted: u64) {
        let started: Vec<u16> = netuids.iter().copied().filter(|netuid| Self::takes_part(*netuid)).collect();
        let candidates: Vec<Candidate> = started.iter().map(|netuid| Self::candidate(*netuid)).collect();
        let root_is_paid = emission::root_is_paid(&candidates);
        for (netuid, share) in started.into_iter().zip(emission::shares(&candidates)) {
            let alpha = emission::block_emission(Self::alpha_issuance(netuid));
            Self::inject(netuid, emission::tao_emission(minted, share), alpha);
            SubnetAlphaOut::<T>::mutate(netuid, |issued| *issued = issued.saturating_add(alpha));
            SubnetAlphaOutEmission::<T>::insert(netuid, alpha);
            Self::set_aside(netuid, alpha, root_is_paid);
        }
    }

    /// The price that counts for emission; a subnet with the stable mechanism 0 has a price of one.
    pub(super) fn moving_price(netuid: u16) -> I96F32 {
        match SubnetMechanism::<T>::get(netuid) {
            0 => I96F32::ONE,
            _ => I96F32::from_bits(SubnetMovingPrice::<T>::get(netuid).bits),
        }
    }

    fn candidate(netuid: u16) -> Candidate {
        Candidate {
            moving_price: Self::moving_price(netuid),
            miner_burned: U96F32::from_bits(MinerBurned::<T>::get(netuid).bits),
            enabled: SubnetEmissionEnabled::<T>::get(netuid),
        }
    }

    fn alpha_issuance(netuid: u16) -> u64 {
        SubnetAlphaIn::<T>::get(netuid).saturating_add(SubnetAlphaOut::<T>::get(netuid))
    }

    fn root_proportion(netuid: u16) -> U96F32 {
        let root = SubnetTAO::<T>::get(ROOT);
        emission::root_proportion(root, TaoWeight::<T>::get(), Self::alpha_issuance(netuid))
    }

    /// TAO for one alpha: one without a pool, the ratio of the reserves with one.
    #[must_use]
    pub fn price(netuid: u16) -> U64F64 {
        if SubnetMechanism::<T>::get(netuid) == 0 {
            return U64F64::ONE;
        }
        let (tao, alpha) = (SubnetTAO::<T>::get(netuid), SubnetAlphaIn::<T>::get(netuid));
        div(U64F64::from_num(tao), U64F64::from_num(alpha))
    }

    /// Puts a block's TAO into the pool of a subnet: some with new alpha, the rest to buy alpha.
    fn inject(netuid: u16, tao: U96F32, alpha_emission: u64) {
        let part = emission::inject(tao, convert(Self::price(netuid)), alpha_emission, Self::root_proportion(netuid));
        let (tao_in, alpha_in, excess) = (to_u64(part.tao_in), to_u64(part.alpha_in), to_u64(part.excess_tao));
        let total = tao_in.saturating_add(excess);
        // An amount below the existential deposit of a pool without TAO stays unminted.
        let minted = pallet_balances::Pallet::<T>::mint_into(&Self::subnet_account(netuid), total).is_ok();
        let (tao_in, alpha_in, excess) = if minted { (tao_in, alpha_in, excess) } else { (0, 0, 0) };
        SubnetTaoInEmission::<T>::insert(netuid, tao_in);
        SubnetAlphaInEmission::<T>::insert(netuid, alpha_in);
        SubnetExcessTao::<T>::insert(netuid, excess);
        SubnetTAO::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_add(tao_in));
        SubnetAlphaIn::<T>::mutate(netuid, |reserve| *reserve = reserve.saturating_add(alpha_in));
        TotalStake::<T>::mutate(|stake| *stake = stake.saturating_add(tao_in));
        if excess > 0 {
            let bought = Self::buy_alpha(netuid, excess);
            SubnetProtocolAlpha::<T>::mutate(netuid, |held| *held = held.saturating_add(bought));
        }
    }

    /// Adds a block's alpha to what the next epoch shares out.
    fn set_aside(netuid: u16, alpha: u64, root_is_paid: bool) {
        let cut = if OwnerCutEnabled::<T>::get(netuid) { SubnetOwnerCut::<T>::get() } else { 0 };
        let part = emission::split(alpha, cut, Self::root_proportion(netuid));
        PendingOwnerCut::<T>::mutate(netuid, |pending| *pending = pending.saturating_add(part.owner));
        PendingServerEmission::<T>::mutate(netuid, |pending| *pending = pending.saturating_add(part.server));
        PendingValidatorEmission::<T>::mutate(netuid, |pending| *pending = pending.saturating_add(part.validator));
        if root_is_paid {
            PendingRootAlphaDivs::<T>::mutate(netuid, |pending| *pending = pending.saturating_add(part.root));
        } else {
            Self::recycle(netuid, part.root);
        }
    }

    /// Takes alpha out of issuance.
    pub(super) fn recycle(netuid: u16, alpha: u64) {
        SubnetAlphaOut::<T>::mutate(netuid, |issued| *issued = issued.saturating_sub(alpha));
    }

    /// Moves the clock of every subnet by one block; those whose epoch runs now, with what they have pending.
    fn due_epochs(netuids: &[u16], block: u64) -> Vec<(u16, Drained)> {
        let capacity = usize::from(MaxEpochsPerBlock::<T>::get());
        let (mut ran, mut due) = (0, Vec::new());
        for netuid in netuids.iter().copied() {
            let before = Self::rhythm(netuid);
            let (after, step) = schedule::advance(&before, block, ran < capacity);
            match step {
                Step::Wait => BlocksSinceLastStep::<T>::insert(netuid, after.since_step),
                Step::Deferred => {
                    BlocksSinceLastStep::<T>::insert(netuid, after.since_step);
                    PendingEpochAt::<T>::insert(netuid, after.pending);
                    let (from_block, to_block) = (block, after.pending);
                    Self::deposit_event(Event::EpochDeferred { netuid, from_block, to_block });
                }
                Step::Epoch => {
                    ran += 1;
                    due.extend(Self::start_epoch(netuid, block).map(|drained| (netuid, drained)));
                }
            }
        }
        due
    }

    /// The block in which the next epoch of a subnet runs, as far as is known now; none with a tempo of zero.
    #[must_use]
    pub fn next_epoch(netuid: u16) -> Option<u64> {
        NetworksAdded::<T>::get(netuid).then(|| schedule::next_epoch(&Self::rhythm(netuid))).flatten()
    }

    /// Rao of TAO for one whole alpha.
    #[must_use]
    pub fn price_in_rao(netuid: u16) -> u64 {
        to_u64(mul(Self::price(netuid), U64F64::from_num(1_000_000_000)))
    }

    /// What the schedule of a subnet is counted from.
    pub(super) fn rhythm(netuid: u16) -> Rhythm {
        Rhythm {
            tempo: Tempo::<T>::get(netuid),
            last_epoch: LastEpochBlock::<T>::get(netuid),
            pending: PendingEpochAt::<T>::get(netuid),
            since_step: BlocksSinceLastStep::<T>::get(netuid),
        }
    }

    /// Begins a tempo; none when two uids hold the same hotkey, and then nothing is paid.
    fn start_epoch(netuid: u16, block: u64) -> Option<Drained> {
        LastEpochBlock::<T>::insert(netuid, block);
        PendingEpochAt::<T>::insert(netuid, 0);
        SubnetEpochIndex::<T>::mutate(netuid, |index| *index = index.saturating_add(1));
        if !Self::keys_are_distinct(netuid) {
            BlocksSinceLastStep::<T>::mutate(netuid, |since| *since = since.saturating_add(1));
            Self::deposit_event(Event::EpochSkipped { netuid, block });
            return None;
        }
        BlocksSinceLastStep::<T>::insert(netuid, 0);
        Some(Drained {
            pending: emission::Pending {
                server: PendingServerEmission::<T>::take(netuid),
                validator: PendingValidatorEmission::<T>::take(netuid),
                root: PendingRootAlphaDivs::<T>::take(netuid),
            },
            owner_cut: PendingOwnerCut::<T>::take(netuid),
        })
    }

    pub(super) fn keys_are_distinct(netuid: u16) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        Keys::<T>::iter_prefix(netuid).all(|(_, hotkey)| seen.insert(hotkey))
    }

    /// Moves the average price towards the price, faster the longer the subnet has been running.
    fn move_price(netuid: u16, block: u64) {
        let Some(first) = FirstEmissionBlockNumber::<T>::get(netuid) else { return };
        let rule = PriceRule {
            alpha: I96F32::from_bits(SubnetMovingAlpha::<T>::get().bits),
            halving: EMAPriceHalvingBlocks::<T>::get(netuid),
        };
        // The first emission comes one block after the start call.
        let since_start = block.saturating_sub(first.saturating_sub(1));
        let new = emission::moving_price(Self::moving_price(netuid), Self::price(netuid), since_start, &rule);
        SubnetMovingPrice::<T>::insert(netuid, FixedI128 { bits: new.to_bits() });
    }
}
