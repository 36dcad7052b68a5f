//! Blocks, charts and judgement: arithmetic here, statistics in [`simulation`].

mod simulation;

use parity_scale_codec::{Decode as _, Encode as _};
use proptest::prelude::*;

use super::*;
use crate::task::ModelDigest;
use crate::verdict::Fault;

/// Blocks of four tokens at temperatures from 0.8 to 1.2; a mean over 20 000 is for a cheat with 2 nats, else against it
/// with a tenth.
fn table() -> Table {
    Table {
        version: Table::VERSION,
        model: ModelDigest([1; 32]),
        sampler: "test".to_owned(),
        checker: "test".to_owned(),
        strata: vec![Stratum {
            from: 800,
            to: 1_201,
            block: 4,
            blocks: 3_000,
            soft: 20_000,
            hard: 300_000,
            false_positive_ppm: 1_000,
            evidence: vec![Bin { up_to: 20_000, weight: -100 }, Bin { up_to: u32::MAX, weight: 2_000 }],
            end: 3_000_000,
        }],
        fingerprint: None,
        pairs: vec![Pair { name: "test".to_owned(), blocks: 3_000, agreement_ppm: 990_000, mean: 100, largest: 9_000 }],
    }
}

fn token(margin: u32) -> Token {
    Token { margin: Some(margin), gap: margin, end: false }
}

#[test]
fn blocks_run_across_answers() {
    let (table, mut charts) = (table(), Charts::default());
    for tokens in [&[token(0); 3][..], &[], &[token(8_000)], &[token(1); 5]] {
        assert_eq!(judge(&mut charts, &table, 1_000, tokens), Judgement { fault: None, again: false });
    }
    assert_eq!((charts.blocks, charts.open[&800]), (2, Open { tokens: 1, sum: 1 }));
    // A temperature that nothing is known of adds nothing.
    assert_eq!(judge(&mut charts, &table, 1_500, &[token(2_000_000); 99]).fault, None);
    assert_eq!((charts.blocks, charts.open.len()), (2, 1));
}

#[test]
fn a_margin_is_clipped_at_twice_the_temperature() {
    assert_eq!(
        (clipped(Some(5), 1_000), clipped(Some(9_000_000), 1_000), clipped(None, 700)),
        (5, 2_000_000, 1_400_000)
    );
    assert_eq!(clipped(None, u32::MAX), u32::MAX);
}

#[test]
fn honest_blocks_alone_lower_a_chart_and_good_days_are_not_saved_up() {
    let (table, mut charts) = (table(), Charts::default());
    let stratum = &table.strata[0];
    (0..1_000).for_each(|_| charts.add(stratum, 0));
    assert_eq!((charts.mean, charts.exceedance, charts.standing()), (0, 0, Standing::Clear));
    charts.add(stratum, 20_001);
    assert_eq!((charts.mean, charts.exceedance), (2_000, 2_996));
    charts.add(stratum, 20_000);
    assert_eq!((charts.mean, charts.exceedance), (1_900, 2_977), "at the limit is not over it");
    assert_eq!(charts.audit_ppm(20_000), 20_000);
    charts.add(stratum, 99_999);
    assert_eq!(charts.standing(), Standing::Suspicious);
    assert_eq!((charts.audit_ppm(20_000), charts.audit_ppm(700_000)), (500_000, 700_000));
    (0..100).for_each(|_| charts.add(stratum, 99_999));
    assert_eq!((charts.mean, charts.exceedance), (2 * Charts::MEAN_ALARM, 2 * Charts::EXCEEDANCE_ALARM));
    let mut honest = 0;
    while charts.standing() == Standing::Alarm {
        charts.add(stratum, 0);
        honest += 1;
    }
    assert_eq!(honest, 527, "10 000 / 19: who mends its ways is heard again");
}

#[test]
fn a_table_of_few_blocks_says_nothing_about_exceedance() {
    let (mut table, mut charts) = (table(), Charts::default());
    table.strata[0].false_positive_ppm = 10_000;
    charts.add(&table.strata[0], 99_999);
    assert_eq!((charts.mean, charts.exceedance), (2_000, 0));
}

#[test]
fn each_fault_has_its_evidence() {
    let table = table();
    let judged = |tokens: &[Token]| judge(&mut Charts::default(), &table, 1_000, tokens);
    let fault = |tokens: &[Token]| judged(tokens).fault;
    assert_eq!(judged(&[token(6_000_000)]), Judgement { fault: None, again: false });
    assert_eq!(judged(&[token(6_000_001)]), Judgement { fault: None, again: true });
    assert_eq!(fault(&[token(10_000_000)]), None);
    assert_eq!(fault(&[token(10_000_001)]), Some(Fault::WrongTokens));

    let end = |margin, gap| Token { margin, gap, end: true };
    assert_eq!(fault(&[end(Some(3_000_000), 0)]), None);
    assert_eq!(fault(&[end(Some(3_000_001), 0)]), Some(Fault::WrongEnd));
    assert_eq!((fault(&[end(None, 3_000_000)]), fault(&[end(None, 3_000_001)])), (None, Some(Fault::WrongEnd)));

    let excluded = |gap| Token { margin: None, gap, end: false };
    assert_eq!((fault(&[excluded(20_000_000)]), fault(&[excluded(20_000_001)])), (None, Some(Fault::WrongTokens)));
    let unlikely = Token { margin: Some(0), gap: 30_000_000, end: false };
    assert_eq!(fault(&[unlikely; 4]), None, "the seed has chosen it");

    assert_eq!(fault(&[token(300_000); 4]), None);
    assert_eq!(fault(&[token(300_001); 4]), Some(Fault::WrongTokens));
    let mut charts = Charts::default();
    let drift = (0..9).map(|_| judge(&mut charts, &table, 1_000, &[token(30_000); 4]).fault);
    assert_eq!(drift.take_while(Option::is_none).count(), 3, "the fourth block over the quantile is too many");
    assert_eq!(judge(&mut charts, &table, 1_000, &[]).fault, Some(Fault::Drift), "and is not forgotten");
}

#[test]
fn a_doubted_token_keeps_suspicion_awake_for_some_blocks() {
    let (table, mut charts) = (table(), Charts::default());
    let _ = judge(&mut charts, &table, 1_000, &[token(6_500_000)]);
    assert_eq!(charts.standing(), Standing::Suspicious);
    let _ = judge(&mut charts, &table, 1_000, &[token(0); 62]);
    assert_eq!((charts.watched, charts.standing()), (1, Standing::Suspicious));
    let _ = judge(&mut charts, &table, 1_000, &[token(0)]);
    assert_eq!((charts.blocks, charts.watched, charts.standing()), (16, 0, Standing::Clear));
}

#[test]
fn charts_outlive_the_program() {
    let (table, mut charts) = (table(), Charts::default());
    let _ = judge(&mut charts, &table, 1_000, &[token(7_000_000); 13]);
    assert_eq!(Charts::decode(&mut &charts.encode()[..]), Ok(charts.clone()));
    let json = serde_json::to_string(&charts).unwrap();
    assert_eq!(serde_json::from_str::<Charts>(&json).unwrap(), charts);
}

#[test]
fn a_table_that_cannot_be_judged_by_is_refused() {
    assert_eq!(table().validate(), Ok(()));
    let refused = |change: fn(&mut Table)| {
        let mut table = table();
        change(&mut table);
        table.validate().unwrap_err().to_string()
    };
    for (change, says) in [
        ((|table| table.version = 2) as fn(&mut Table), "version 2"),
        (|table| table.strata.clear(), "strata: 0; there are 1 to 16"),
        (|table| table.strata = vec![table.strata[0].clone(); 17], "strata: 17"),
        (|table| table.strata.push(table.strata[0].clone()), "800..1201"),
        (|table| table.strata[0].to = 800, "800..800"),
        (|table| table.pairs.clear(), "pairs: 0"),
        (|table| table.strata[0].block = 0, "a block has"),
        (|table| table.strata[0].block = 1 << 20, "a block has"),
        (|table| table.strata[0].blocks = 0, "honest blocks"),
        (|table| table.strata[0].hard = 5, "`hard`"),
        (|table| table.strata[0].false_positive_ppm = 1_000_001, "`false_positive_ppm`"),
        (|table| table.strata[0].evidence.clear(), "bins of evidence: 0"),
        (|table| table.strata[0].evidence.reverse(), "ascend"),
        (|table| table.strata[0].evidence[0].up_to = u32::MAX, "ascend"),
        (|table| table.strata[0].evidence[1].up_to = 30_000, "no upper end"),
        (|table| table.strata[0].evidence[0].weight = i32::MIN, "10000"),
    ] {
        let text = refused(change);
        assert!(text.contains(says), "{text:?} lacks {says:?}");
    }
}

proptest! {
    #[test]
    fn how_tokens_are_dealt_to_answers_changes_no_chart(
        margins in proptest::collection::vec(proptest::option::of(0_u32..3_000_000), 0..200),
        cuts in proptest::collection::vec(1_usize..20, 200),
    ) {
        let table = table();
        let tokens: Vec<Token> = margins.iter().map(|&margin| Token { margin, gap: 0, end: false }).collect();
        let (mut whole, mut dealt) = (Charts::default(), Charts::default());
        let _ = judge(&mut whole, &table, 1_000, &tokens);
        let mut rest = &tokens[..];
        for cut in cuts {
            let (answer, after) = rest.split_at(cut.min(rest.len()));
            let _ = judge(&mut dealt, &table, 1_000, answer);
            rest = after;
        }
        prop_assert_eq!(whole, dealt);
    }

    #[test]
    fn a_worse_block_never_leaves_a_better_chart(mean in 0_u32..100_000, more in 0_u32..100_000, sum in 0_u32..30_000) {
        let table = table();
        let after = |mean| {
            let mut charts = Charts { mean: sum, exceedance: sum, ..Charts::default() };
            charts.add(&table.strata[0], mean);
            charts
        };
        let (better, worse) = (after(mean), after(mean + more));
        prop_assert!(better.mean <= worse.mean && better.exceedance <= worse.exceedance);
        prop_assert!(better.standing() <= worse.standing());
    }

    #[test]
    fn hostile_numbers_do_not_panic(
        tokens in proptest::collection::vec((any::<Option<u32>>(), any::<u32>(), any::<bool>()), 0..50),
        temperature in any::<u32>(),
        stored in any::<(u32, u32, u64, u32)>(),
    ) {
        let (mean, exceedance, blocks, watched) = stored;
        let mut charts = Charts { mean, exceedance, blocks, watched, open: [(800, Open { tokens: mean, sum: blocks })].into() };
        let tokens: Vec<Token> = tokens.into_iter().map(|(margin, gap, end)| Token { margin, gap, end }).collect();
        let _ = judge(&mut charts, &table(), temperature, &tokens);
        let _ = judge(&mut charts, &table(), 1_000, &tokens);
    }
}
