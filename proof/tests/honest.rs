//! Honest proofs are accepted, whatever device computed them.

mod common;

use common::{Session, challenge, hotkey, policy};
use proof::ScalarKernel;

#[test]
fn an_honest_opening_is_accepted() {
    let challenge = challenge(policy(64, 3, 16, 8), 1);
    let session = Session::honest(&challenge, hotkey(1), 3, [9; 32], &ScalarKernel);
    assert_eq!(session.verify(&ScalarKernel), Ok(()));
    assert_eq!(session.samples.len(), 8);
}
