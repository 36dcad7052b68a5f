//! Calls that are never dispatched, however they are wrapped.

use frame_support::traits::Contains;

use super::RuntimeCall;

/// How deep calls may be wrapped in one another. A batch costs stack at every level, at every walk over the call,
/// and a stack overflow ends the process; honest clients wrap two or three deep.
pub const MAX_NESTING: u32 = 16;

/// Refuses new code (the runtime is part of this program) and calls wrapped deeper than [`MAX_NESTING`].
pub struct CallFilter;

impl Contains<RuntimeCall> for CallFilter {
    fn contains(call: &RuntimeCall) -> bool {
        admissible(call, MAX_NESTING)
    }
}

/// Whether this call, and every call inside it, may be dispatched. Looks at most `nesting` levels down.
fn admissible(call: &RuntimeCall, nesting: u32) -> bool {
    let Some(nesting) = nesting.checked_sub(1) else {
        return false;
    };
    let one = |inner: &RuntimeCall| admissible(inner, nesting);
    match call {
        RuntimeCall::System(call) => !replaces_code(call),
        RuntimeCall::Utility(call) => utility(call, &one),
        RuntimeCall::Sudo(call) => sudo(call, &one),
        RuntimeCall::Timestamp(_)
        | RuntimeCall::Balances(_)
        | RuntimeCall::SubtensorModule(_)
        | RuntimeCall::Commitments(_)
        | RuntimeCall::AdminUtils(_)
        | RuntimeCall::Drand(_) => true,
    }
}

fn replaces_code(call: &frame_system::Call<super::Runtime>) -> bool {
    use frame_system::Call;
    matches!(
        call,
        Call::set_code { .. }
            | Call::set_code_without_checks { .. }
            | Call::authorize_upgrade { .. }
            | Call::authorize_upgrade_without_checks { .. }
            | Call::apply_authorized_upgrade { .. }
    )
}

fn utility(call: &pallet_utility::Call<super::Runtime>, one: &dyn Fn(&RuntimeCall) -> bool) -> bool {
    use pallet_utility::Call;
    match call {
        Call::batch { calls } | Call::batch_all { calls } | Call::force_batch { calls } => calls.iter().all(one),
        Call::as_derivative { call, .. }
        | Call::dispatch_as { call, .. }
        | Call::dispatch_as_fallible { call, .. }
        | Call::with_weight { call, .. } => one(call),
        Call::if_else { main, fallback } => one(main) && one(fallback),
        Call::__Ignore(..) => false,
    }
}

fn sudo(call: &pallet_sudo::Call<super::Runtime>, one: &dyn Fn(&RuntimeCall) -> bool) -> bool {
    use pallet_sudo::Call;
    match call {
        Call::sudo { call } | Call::sudo_unchecked_weight { call, .. } | Call::sudo_as { call, .. } => one(call),
        Call::set_key { .. } | Call::remove_key {} => true,
        Call::__Ignore(..) => false,
    }
}
