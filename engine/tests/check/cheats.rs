//! What an answer shows of how it was made.

use engine::generation::Sampling;
use engine::model::Precision;

use super::{Answered, Model, sampling, summary};

#[test]
fn honest_answers_have_no_margin() {
    let model = Model::new(1);
    let answers = model.answers(Precision::F32, 24, 64, sampling);
    let mut checker = model.load(Precision::F32, 1);
    let (agreed, mean) = summary(answers.iter().map(|answered| (answered, answered.check(&mut *checker))));
    // The same instructions give the same bits; so the honest noise of other machines is not tested here.
    assert_eq!((agreed, mean), (1.0, 0.0));
}
