//! Real binaries against a real chain, everything on loopback: what cheats get, what bad requests get, what bad input
//! gets, and that a validator pays who worked, also after it was killed and when the chain's runtime is upgraded.

mod cheats;
mod devices;
mod requests;
mod rounds;
mod startup;
mod up;
mod upgrades;
mod wallets;

use incentive::policy::Policy;

/// The dev preset with narrower matrices and a shorter window; openings and all rules stay.
fn policy() -> Policy {
    let mut policy = Policy::dev();
    policy.window.duration_ms = 1_500;
    policy.window.allowance_ms = 100;
    policy.compute.width = 128;
    policy.compute.rounds_max = 512;
    policy
}
