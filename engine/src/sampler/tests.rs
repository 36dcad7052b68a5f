//! Against the rule as it is written, with noise for every token and the whole order sorted.

use proptest::prelude::*;

use super::*;

fn sampling(temperature: f32, top_k: usize, top_p: f32, seed: u8) -> Sampling {
    Sampling { temperature, top_k, top_p, presence_penalty: 0.0, frequency_penalty: 0.0, seed: [seed; 32] }
}

/// The ids that the rule keeps, in its order.
fn plain_kept(z: &[f32], sampling: &Sampling) -> Vec<u32> {
    let mut order: Vec<u32> = (0..z.len() as u32).collect();
    order.sort_by(|a, b| z[*b as usize].partial_cmp(&z[*a as usize]).expect("no NaN").then(a.cmp(b)));
    if (1..z.len()).contains(&sampling.top_k) {
        order.truncate(sampling.top_k);
    }
    if sampling.top_p >= 1.0 {
        return order;
    }
    let exp = |id: &u32| (f64::from(z[*id as usize]) - f64::from(z[order[0] as usize])).exp();
    let sum: f64 = order.iter().map(exp).sum();
    let (mut before, mut count) = (0.0, 0);
    for id in &order {
        if count > 0 && before / sum >= f64::from(sampling.top_p) {
            break;
        }
        before += exp(id);
        count += 1;
    }
    order.truncate(count);
    order
}

fn plain_choice(row: &Row<'_>, sampling: &Sampling) -> Choice {
    let z: Vec<f32> = row.logits.iter().map(|logit| logit / sampling.temperature).collect();
    let noise = Noise::new(&sampling.seed, row.position, row.vocabulary);
    let mut best: Option<Choice> = None;
    for id in plain_kept(&z, sampling) {
        let score = z[id as usize] + noise.of(id);
        if best.is_none_or(|best| score > best.score || (score == best.score && id < best.id)) {
            best = Some(Choice { id, score });
        }
    }
    best.expect("a token")
}

/// Rows of every kind: fine and coarse, flat and sharp, with masked tokens and both zeros.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let value = (prop::num::f32::NORMAL, 0..20u8).prop_map(|(value, kind)| {
        let fine = value % 8.0;
        match kind {
            0 => f32::NEG_INFINITY,
            1 => -0.0,
            2..=6 => fine.round() / 2.0,
            _ => fine,
        }
    });
    let factor = prop::sample::select(vec![1.0, 0.02, 5.0, 1000.0, 1e6]);
    (prop::collection::vec(value, 1..1500), factor, -50.0..50.0f32).prop_map(|(mut values, factor, shift)| {
        values[0] = values[0].max(-1.0);
        values.iter_mut().for_each(|value| *value = *value * factor + shift);
        values
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn what_is_passed_over_could_not_win(
        logits in logits(),
        temperature in prop::sample::select(vec![0.01, 0.3, 1.0, 2.0f32]),
        top_k in prop::sample::select(vec![0, 0, 1, 2, 17, 100, 5000]),
        top_p in prop::sample::select(vec![1.0, 1.0, 1e-6, 0.3, 0.5, 0.9, 0.999_999_f32]),
        seed: u8,
        position in 0..1u64 << 40,
    ) {
        let (row, sampling) = (Row::new(&logits, &[], position), sampling(temperature, top_k, top_p, seed));
        let best = choose(&row, &sampling).expect("finite");
        prop_assert_eq!(best, plain_choice(&row, &sampling));
        let z: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
        let mut plain = plain_kept(&z, &sampling);
        plain.sort_unstable();
        prop_assert_eq!(kept(&row, &sampling).expect("finite"), plain.clone());

        prop_assert_eq!(margin(&row, &sampling, best.id), Ok(Some(0.0)));
        let noise = Noise::new(&sampling.seed, position, logits.len());
        for id in (0..logits.len() as u32).step_by(97) {
            let possible = plain.contains(&id) && z[id as usize].is_finite();
            let expected = possible.then(|| best.score - (z[id as usize] + noise.of(id)));
            prop_assert_eq!(margin(&row, &sampling, id), Ok(expected));
        }
    }
}

#[test]
fn every_noise_is_finite_and_as_specified() {
    let (mut sum, mut before) = (0u64, f32::INFINITY);
    for i in 0..1u32 << 24 {
        let g = gumbel(i << 8);
        assert!(g.is_finite() && (-2.853..noise::LARGEST).contains(&g), "{g} for {i}");
        assert!(g <= before, "{g} for {i} after {before}");
        assert!(noise::last_word(g) >= i << 8 | 255, "{i} could be passed over");
        sum = sum.wrapping_add(u64::from(g.to_bits()));
        before = g;
    }
    // The one input whose result a mathematical library may round to the other side adds at most one.
    assert!([31_021_370_251_578_368, 31_021_370_251_578_369].contains(&sum), "{sum}");
}

#[test]
fn the_bound_on_words_passes_most_over() {
    let allowed = |noise| f64::from(noise::last_word(noise)) / 2f64.powi(32);
    assert!(allowed(12.0) < 1e-5 && allowed(5.0) < 0.01 && allowed(-3.0) == 1.0 - 2f64.powi(-32));
}

#[test]
fn naive_f32_noise_would_be_infinite() {
    // Why the rule asks for f64: the negative control.
    let v = ((u32::MAX >> 8) as f32 + 0.5) / 16_777_216.0;
    assert_eq!(-(-v.ln()).ln(), f32::INFINITY);
}

#[test]
fn a_boundary_of_the_nucleus_on_the_sum_itself() {
    // Four equal tokens and a half: the second reaches it exactly, and a bound alone cannot tell.
    let mut logits = vec![f32::NEG_INFINITY; 700];
    for id in [30, 99, 500, 699] {
        logits[id] = 1.5;
    }
    let row = Row::new(&logits, &[], 3);
    assert_eq!(kept(&row, &sampling(1.0, 0, 0.5, 0)), Ok(vec![30, 99]));
    assert_eq!(kept(&row, &sampling(1.0, 0, 0.500_001, 0)), Ok(vec![30, 99, 500]));
}

#[test]
fn what_is_no_logit_is_refused() {
    let mut logits = vec![0.5; 40];
    for value in [f32::NAN, f32::INFINITY] {
        logits[33] = value;
        for temperature in [0.0, 1.0] {
            let refused = choose(&Row::new(&logits, &[], 0), &sampling(temperature, 0, 1.0, 0));
            assert!(matches!(refused, Err(SamplerError::Logit { id: 33, .. })), "{refused:?}");
        }
    }
    logits[33] = 3e38;
    assert!(matches!(choose(&Row::new(&logits, &[], 0), &sampling(0.01, 0, 1.0, 0)), Err(SamplerError::Logit { .. })));
    logits[33] = f32::NEG_INFINITY;
    assert!(choose(&Row::new(&logits, &[], 0), &sampling(1.0, 0, 1.0, 0)).is_ok());
    for none in [&[][..], &[f32::NEG_INFINITY; 3]] {
        let refused = choose(&Row::new(none, &[], 0), &sampling(1.0, 0, 1.0, 0));
        assert_eq!(refused, Err(SamplerError::Empty(none.len())));
    }
    let narrow = Row { vocabulary: 39, ..Row::new(&logits, &[], 0) };
    assert_eq!(choose(&narrow, &sampling(1.0, 0, 1.0, 0)), Err(SamplerError::Empty(40)));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let logits = [0.0, 1.0];
    let refused = |change: fn(&mut Sampling)| {
        let mut sampling = sampling(1.0, 0, 1.0, 0);
        change(&mut sampling);
        match choose(&Row::new(&logits, &[], 0), &sampling) {
            Err(SamplerError::Params(error)) => error.name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|s| s.temperature = -1.0), "temperature");
    assert_eq!(refused(|s| s.temperature = 1e-9), "temperature");
    assert_eq!(refused(|s| s.temperature = f32::NAN), "temperature");
    assert_eq!(refused(|s| s.top_p = 0.0), "top_p");
    assert_eq!(refused(|s| s.top_p = f32::NAN), "top_p");
    assert_eq!(refused(|s| s.presence_penalty = 2.1), "presence_penalty");
    assert_eq!(refused(|s| s.frequency_penalty = f32::INFINITY), "frequency_penalty");
}
