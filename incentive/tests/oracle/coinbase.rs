//! Whole blocks: from what is minted to what each hotkey earns.

use std::collections::{BTreeMap, BTreeSet};

use incentive::emission::{self, Account, Candidate, Pending};
use incentive::fixed::{I96F32, U64F64, U96F32};
use incentive::schedule::{self, Rhythm, Step};
use incentive::yuma;
use serde::Deserialize;

use crate::format::{Bits, Input, flags};
use crate::{Differences, each_source};

type PerSubnet = BTreeMap<u16, Bits>;

#[derive(Deserialize)]
struct Case {
    id: String,
    global: Global,
    subnets_before: Vec<Subnet>,
    neurons_before: Vec<Neurons>,
    epoch_inputs: Vec<EpochInput>,
    terms: Terms,
    subnets_after_emit: Vec<Subnet>,
    distribution: Vec<Distribution>,
    subnets_after: Vec<Subnet>,
    neurons_after: Vec<Neurons>,
}

#[derive(Deserialize)]
struct Global {
    block: u64,
    block_emission: u64,
    subnet_owner_cut: u16,
    tao_weight: u64,
    ck_burn: u64,
    root_subnet_tao: u64,
}

#[derive(Deserialize)]
struct Subnet {
    netuid: u16,
    mechanism: u16,
    tempo: u16,
    alpha_issuance: u64,
    blocks_since_last_step: u64,
    emission_enabled: bool,
    epoch_index: u64,
    first_emission_block: Option<u64>,
    last_epoch_block: u64,
    pending_epoch_at: u64,
    miner_burned_u96f32_bits: Bits,
    moving_price_i96f32_bits: Bits,
    owner_cut_enabled: bool,
    pending_owner_cut: u64,
    pending_root_alpha: u64,
    pending_server: u64,
    pending_validator: u64,
    registration_allowed: bool,
    root_proportion_u96f32_bits: Bits,
    spot_price_u64f64_bits: Bits,
    subnet_alpha_in: u64,
    subnet_alpha_out: u64,
    subnet_alpha_in_emission: u64,
    subtoken_enabled: bool,
}

#[derive(Deserialize)]
struct Neurons {
    netuid: u16,
    owner_coldkey: Option<u64>,
    owner_hotkey: Option<u64>,
    recycle_or_burn: Option<String>,
    neurons: Vec<Neuron>,
}

#[derive(Deserialize)]
struct Neuron {
    hotkey: u64,
    uid: Option<u16>,
    owner_coldkey: u64,
    alpha_stake: u64,
    root_stake: u64,
    take: u16,
    childkey_take: u16,
    parents: Vec<(Bits, u64)>,
    children: Vec<(Bits, u64)>,
    alpha_dividends: u64,
    root_alpha_dividends: u64,
}

#[derive(Deserialize)]
struct EpochInput {
    netuid: u16,
    #[serde(rename = "in")]
    input: Input,
}

#[derive(Deserialize)]
struct Terms {
    subnets_to_emit_to: Vec<u16>,
    shares_u64f64_bits: Vec<(u16, Bits)>,
    tao_emission_u96f32_bits: Vec<(u16, Bits)>,
    tao_in_u96f32_bits: Vec<(u16, Bits)>,
    alpha_in_u96f32_bits: Vec<(u16, Bits)>,
    alpha_out_u96f32_bits: Vec<(u16, Bits)>,
    excess_tao_u96f32_bits: Vec<(u16, Bits)>,
    root_sell_flag: bool,
}

#[derive(Deserialize)]
struct Distribution {
    netuid: u16,
    owner_cut: u64,
    pending_root: u64,
    pending_server: u64,
    pending_validator: u64,
    validator_alpha: u64,
    rao_emission: u64,
    consensus: Vec<u16>,
    dividends_u16: Vec<u16>,
    incentive_u16: Vec<u16>,
    validator_permit: Vec<u8>,
    hotkey_emission: Vec<(u64, u64, u64)>,
    incentives: Vec<(u64, u64)>,
    alpha_dividends_u96f32_bits: Vec<(u64, Bits)>,
    root_alpha_dividends_u96f32_bits: Vec<(u64, Bits)>,
}

#[test]
fn oracle_coinbase() {
    each_source("coinbase.jsonl", |differences, cases: &[Case]| {
        for case in cases {
            compare_issuance(differences, case);
            compare_schedule(differences, case);
            for expected in &case.distribution {
                compare_distribution(differences, case, expected);
            }
        }
        let epochs: usize = cases.iter().map(|case| case.distribution.len()).sum();
        format!("{} blocks, {epochs} epochs", cases.len())
    });
}

fn unsigned(bits: Bits) -> u128 {
    u128::try_from(bits.0).unwrap()
}

fn of<T>(items: &[T], netuid: u16, key: impl Fn(&T) -> u16) -> &T {
    items.iter().find(|item| key(item) == netuid).unwrap()
}

fn candidate(subnet: &Subnet) -> Candidate {
    let moving_price =
        if subnet.mechanism == 0 { I96F32::ONE } else { I96F32::from_bits(subnet.moving_price_i96f32_bits.0) };
    let miner_burned = U96F32::from_bits(unsigned(subnet.miner_burned_u96f32_bits));
    Candidate { moving_price, miner_burned, enabled: subnet.emission_enabled }
}

fn compare_issuance(differences: &mut Differences, case: &Case) {
    let (id, global) = (&case.id, &case.global);
    let eligible = |s: &&Subnet| s.first_emission_block.is_some() && s.subtoken_enabled && s.registration_allowed;
    let subnets: Vec<&Subnet> = case.subnets_before.iter().filter(eligible).collect();
    let netuids: Vec<u16> = subnets.iter().map(|subnet| subnet.netuid).collect();
    differences.compare(id, "subnets to emit to", &netuids, &case.terms.subnets_to_emit_to);
    let candidates: Vec<Candidate> = subnets.iter().map(|subnet| candidate(subnet)).collect();
    let root_is_paid = emission::root_is_paid(&candidates);
    differences.compare(id, "root is paid", &root_is_paid, &case.terms.root_sell_flag);

    let mut ours: [PerSubnet; 6] = Default::default();
    let shares = emission::price_shares(&candidates).into_iter().zip(emission::shares(&candidates));
    for (subnet, (price_share, share)) in subnets.iter().zip(shares) {
        let tao = emission::tao_emission(global.block_emission, share);
        let alpha = emission::block_emission(subnet.alpha_issuance);
        let root = emission::root_proportion(global.root_subnet_tao, global.tao_weight, subnet.alpha_issuance);
        differences.compare(id, "root proportion", &Bits(bits(root)), &subnet.root_proportion_u96f32_bits);
        let price = U64F64::from_bits(unsigned(subnet.spot_price_u64f64_bits));
        let injected = emission::inject(tao, U96F32::from_num(price), alpha, root);
        let terms = [tao, injected.tao_in, injected.alpha_in, injected.excess_tao, U96F32::from_num(alpha)].map(bits);
        let share = i128::try_from(price_share.to_bits()).unwrap();
        for (map, value) in ours.iter_mut().zip(std::iter::once(share).chain(terms)) {
            map.insert(subnet.netuid, Bits(value));
        }
        let after = of(&case.subnets_after_emit, subnet.netuid, |subnet| subnet.netuid);
        compare_pending(differences, case, (subnet, after), alpha, root_is_paid);
    }
    let terms = &case.terms;
    for ((field, theirs), ours) in [
        ("share", &terms.shares_u64f64_bits),
        ("tao emission", &terms.tao_emission_u96f32_bits),
        ("tao in", &terms.tao_in_u96f32_bits),
        ("alpha in", &terms.alpha_in_u96f32_bits),
        ("excess tao", &terms.excess_tao_u96f32_bits),
        ("alpha out", &terms.alpha_out_u96f32_bits),
    ]
    .into_iter()
    .zip(ours)
    {
        differences.compare(id, field, &ours.into_iter().collect::<Vec<_>>(), theirs);
    }
}

fn bits(value: U96F32) -> i128 {
    i128::try_from(value.to_bits()).unwrap()
}

fn compare_pending(
    differences: &mut Differences,
    case: &Case,
    (before, after): (&Subnet, &Subnet),
    alpha_emission: u64,
    root_is_paid: bool,
) {
    let (id, global) = (&case.id, &case.global);
    let cut = if before.owner_cut_enabled { global.subnet_owner_cut } else { 0 };
    let minted = before.alpha_issuance + alpha_emission + after.subnet_alpha_in_emission;
    let root = emission::root_proportion(global.root_subnet_tao, global.tao_weight, minted);
    let split = emission::split(alpha_emission, cut, root);
    let paid = if root_is_paid { split.root } else { 0 };
    for (field, ours, theirs) in [
        ("pending owner cut", before.pending_owner_cut + split.owner, after.pending_owner_cut),
        ("pending server", before.pending_server + split.server, after.pending_server),
        ("pending validator", before.pending_validator + split.validator, after.pending_validator),
        ("pending root", before.pending_root_alpha + paid, after.pending_root_alpha),
        ("alpha issuance", minted - (split.root - paid), after.alpha_issuance),
        ("alpha in and out", after.subnet_alpha_in + after.subnet_alpha_out, after.alpha_issuance),
    ] {
        differences.compare(id, field, &ours, &theirs);
    }
}

fn compare_schedule(differences: &mut Differences, case: &Case) {
    let mut ran = Vec::new();
    for before in &case.subnets_before {
        let rhythm = |subnet: &Subnet| Rhythm {
            tempo: subnet.tempo,
            last_epoch: subnet.last_epoch_block,
            pending: subnet.pending_epoch_at,
            since_step: subnet.blocks_since_last_step,
        };
        let (ours, step) = schedule::advance(&rhythm(before), case.global.block, ran.len() < 32);
        let after = of(&case.subnets_after, before.netuid, |subnet| subnet.netuid);
        differences.compare(&case.id, "rhythm", &ours, &rhythm(after));
        let index = before.epoch_index + u64::from(step == Step::Epoch);
        differences.compare(&case.id, "epoch index", &index, &after.epoch_index);
        if step == Step::Epoch {
            ran.push(before.netuid);
        }
    }
    let theirs: Vec<u16> = case.distribution.iter().map(|distribution| distribution.netuid).collect();
    differences.compare(&case.id, "epochs", &ran, &theirs);
}

fn accounts(neurons: &Neurons) -> BTreeMap<u64, Account<u64>> {
    let keys = |keys: &[(Bits, u64)]| keys.iter().map(|(part, key)| (u64::try_from(part.0).unwrap(), *key)).collect();
    let account = |neuron: &Neuron| Account {
        coldkey: neuron.owner_coldkey,
        alpha_stake: neuron.alpha_stake,
        root_stake: neuron.root_stake,
        childkey_take: neuron.childkey_take,
        parents: keys(&neuron.parents),
        children: keys(&neuron.children),
    };
    neurons.neurons.iter().map(|neuron| (neuron.hotkey, account(neuron))).collect()
}

fn compare_distribution(differences: &mut Differences, case: &Case, theirs: &Distribution) {
    let (id, netuid) = (&format!("{}/{}", case.id, theirs.netuid), theirs.netuid);
    let emitted = of(&case.subnets_after_emit, netuid, |subnet| subnet.netuid);
    let pending = Pending {
        server: emitted.pending_server,
        validator: emitted.pending_validator,
        root: emitted.pending_root_alpha,
    };
    let drained =
        Pending { server: theirs.pending_server, validator: theirs.pending_validator, root: theirs.pending_root };
    differences.compare(id, "drained", &pending, &drained);
    differences.compare(id, "owner cut", &emitted.pending_owner_cut, &theirs.owner_cut);
    differences.compare(id, "rao emission", &pending.total(), &theirs.rao_emission);

    let input = &of(&case.epoch_inputs, netuid, |input| input.netuid).input;
    let outcome = yuma::run(&input.epoch(), &input.mechanism(), pending.total());
    differences.compare(id, "consensus", &outcome.consensus, &theirs.consensus);
    differences.compare(id, "incentive", &outcome.incentive, &theirs.incentive_u16);
    differences.compare(id, "dividends", &outcome.dividends, &theirs.dividends_u16);
    differences.compare(id, "permits", &flags(&outcome.permits), &theirs.validator_permit);
    let earned = outcome.server_emission.iter().zip(&outcome.validator_emission);
    let mut by_hotkey: Vec<_> = input.hotkeys.iter().zip(earned).map(|(h, (s, v))| (*h, *s, *v)).collect();
    by_hotkey.sort_unstable();
    differences.compare(id, "hotkey emission", &by_hotkey, &theirs.hotkey_emission);

    let before = of(&case.neurons_before, netuid, |neurons| neurons.netuid);
    let ours =
        emission::distribute(pending, &by_hotkey, &accounts(before), case.global.tao_weight, case.global.ck_burn);
    let list = |map: &BTreeMap<u64, U96F32>| map.iter().map(|(k, v)| (*k, Bits(bits(*v)))).collect::<Vec<_>>();
    differences.compare(id, "validator alpha", &ours.validator_alpha, &theirs.validator_alpha);
    differences.compare(id, "alpha dividends", &list(&ours.alpha_dividends), &theirs.alpha_dividends_u96f32_bits);
    differences.compare(id, "root dividends", &list(&ours.root_dividends), &theirs.root_alpha_dividends_u96f32_bits);
    let incentives: Vec<(u64, u64)> = ours.incentives.clone().into_iter().collect();
    differences.compare(id, "incentives", &incentives, &theirs.incentives);
    compare_paid(differences, case, &ours, before);
    compare_stake(differences, case, (&ours, theirs.owner_cut), before);
}

fn compare_paid(differences: &mut Differences, case: &Case, ours: &emission::Distribution<u64>, before: &Neurons) {
    let id = &format!("{}/{}", case.id, before.netuid);
    let after = of(&case.neurons_after, before.netuid, |neurons| neurons.netuid);
    for neuron in &after.neurons {
        let after_take = |dividends: &BTreeMap<u64, U96F32>| {
            emission::dividend_after_take(dividends.get(&neuron.hotkey).copied().unwrap_or_default(), neuron.take).0
        };
        differences.compare(id, "alpha after take", &after_take(&ours.alpha_dividends), &neuron.alpha_dividends);
        differences.compare(id, "root after take", &after_take(&ours.root_dividends), &neuron.root_alpha_dividends);
    }
    let withheld = withhold(ours, before);
    let subnet = of(&case.subnets_after, before.netuid, |subnet| subnet.netuid);
    differences.compare(id, "miner burned", &Bits(bits(withheld.share)), &subnet.miner_burned_u96f32_bits);
    let emitted = of(&case.subnets_after_emit, before.netuid, |subnet| subnet.netuid);
    let recycles = before.recycle_or_burn.as_deref() == Some("Recycle");
    let recycled = ours.burned + if recycles { withheld.amount } else { 0 };
    differences.compare(id, "alpha out", &(emitted.subnet_alpha_out - recycled), &subnet.subnet_alpha_out);
}

fn withhold(ours: &emission::Distribution<u64>, before: &Neurons) -> emission::Withheld<u64> {
    let owned = |neuron: &&Neuron| neuron.uid.is_some() && Some(neuron.owner_coldkey) == before.owner_coldkey;
    let mut owners: BTreeSet<u64> = before.neurons.iter().filter(owned).map(|neuron| neuron.hotkey).collect();
    owners.extend(before.owner_hotkey);
    emission::withhold(ours.incentives.clone(), &owners)
}

/// The chain keeps stake as shares of a pool, which rounds by itself: what a hotkey gained agrees within 3 rao.
fn compare_stake(
    differences: &mut Differences,
    case: &Case,
    (ours, owner_cut): (&emission::Distribution<u64>, u64),
    before: &Neurons,
) {
    let after = of(&case.neurons_after, before.netuid, |neurons| neurons.netuid);
    let withheld = withhold(ours, before);
    for (old, new) in before.neurons.iter().zip(&after.neurons) {
        let dividend = |dividends: &BTreeMap<u64, U96F32>| {
            emission::dividend_after_take(dividends.get(&old.hotkey).copied().unwrap_or_default(), old.take)
        };
        let (alpha, root) = (dividend(&ours.alpha_dividends), dividend(&ours.root_dividends));
        let cut = if before.owner_hotkey == Some(old.hotkey) { owner_cut } else { 0 };
        let paid = withheld.paid.get(&old.hotkey).copied().unwrap_or_default();
        let gained = new.alpha_stake - old.alpha_stake;
        let difference = gained.abs_diff(alpha.0 + alpha.1 + root.1 + cut + paid);
        differences.compare(&case.id, "stake gained", &(difference <= 3), &true);
    }
}
