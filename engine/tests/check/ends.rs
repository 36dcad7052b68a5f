//! Ends that are where the model put them, and ends that are not.

use engine::check::{Checked, Claim, check};

use super::{Answered, Model, f32, sampling};

/// Answers of a model that ends them often, and the tokens that end them.
fn answers() -> (Model, Vec<Answered>) {
    let mut model = Model::new(1);
    // So many tokens end an answer that most of them have an end.
    model.stop = (0..1024).step_by(24).collect();
    let answers = model.answers(model.load(f32()), 24, sampling);
    (model, answers)
}

fn checked(model: &Model, answered: &Answered, answer: &[u32]) -> Checked {
    let claim =
        Claim { prompt: &answered.prompt, answer, sampling: &answered.sampling, stop: &model.stop, hidden: false };
    check(&mut *model.checker(), 0, &claim).expect("a sound claim")
}

#[test]
fn honest_ends() {
    let (model, answers) = answers();
    let mut ended = 0;
    for answered in &answers {
        let tokens = checked(&model, answered, &answered.answer).tokens;
        let (last, before) = tokens.split_last().expect("an answer");
        assert!(before.iter().all(|token| !token.ending()));
        assert_eq!((last.end, last.end_margin == Some(0.0)), (last.ending(), last.ending()));
        ended += usize::from(last.end);
    }
    assert!(ended > 12, "{ended} of {} ended", answers.len());
}

#[test]
fn an_end_too_early_has_a_margin() {
    let (model, answers) = answers();
    let mut margins = Vec::new();
    for answered in answers.iter().filter(|answered| answered.answer.len() > 4) {
        let answer = [&answered.answer[..3], &model.stop[..1]].concat();
        let last = checked(&model, answered, &answer).tokens[3];
        assert!(last.end && last.margin != Some(0.0), "{last:?}");
        margins.push(last.margin.unwrap_or(f32::INFINITY));
    }
    margins.sort_by(f32::total_cmp);
    assert!(margins.len() > 10 && margins[margins.len() / 2] > 1.0, "{margins:?}");
}

#[test]
fn an_end_passed_over_shows_where() {
    let (model, answers) = answers();
    let mut found = 0;
    for answered in answers.iter().filter(|answered| answered.answer.last().is_some_and(|id| model.stop.contains(id))) {
        // On with another token, and with what the model says after it.
        let at = answered.answer.len() - 1;
        let answer = [&answered.answer[..at], &[1, 2, 3]].concat();
        let token = checked(&model, answered, &answer).tokens[at];
        // An end at the edge of top-p may have been excluded on the other side: then nothing is said.
        let passed_over = token.end_margin == Some(0.0) && token.margin != Some(0.0);
        assert!(
            !token.end && passed_over == token.ending() && (passed_over || token.end_margin.is_none()),
            "{token:?}"
        );
        // On after the end itself.
        let tokens = checked(&model, answered, &[&answered.answer[..], &[1]].concat()).tokens;
        assert!(tokens[at].end && tokens.len() == at + 2);
        found += usize::from(passed_over);
    }
    assert!(found > 12, "{found}");
}
