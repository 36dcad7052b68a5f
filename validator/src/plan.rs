//! Whom a round asks, decided from the snapshot alone.

use incentive::units::{Hotkey, Registration};
use incentive::verdict::{Fault, Verdict};
use neuron_common::chain::{Neuron, Snapshot};

use crate::dispatch::Target;
use crate::record::{Outcome, Work};

/// What a round does with every neuron of the subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Asked all at once, with the registration that holds the place.
    pub targets: Vec<(Target, Registration)>,
    /// Decided without asking: nobody can be asked without an address.
    pub decided: Vec<Outcome>,
}

/// Asks every neuron with an address, except this validator itself and the owner of the subnet, whose share is burned.
///
/// Another validator without an address earns nothing as a miner and loses nothing by it.
#[must_use]
pub fn plan(snapshot: &Snapshot, own: &Hotkey) -> Plan {
    let mut plan = Plan::default();
    for neuron in &snapshot.neurons {
        if neuron.hotkey == *own || snapshot.owner_uid == Some(neuron.uid) {
            continue;
        }
        let registration = registration(neuron);
        match neuron.axon {
            Some(address) => {
                plan.targets.push((Target { uid: neuron.uid, hotkey: neuron.hotkey, address }, registration));
            }
            None => plan.decided.push(Outcome {
                uid: neuron.uid,
                registration,
                verdict: Verdict::Rejected(Fault::NoAxon),
                work: Work::Compute { rounds: 0 },
            }),
        }
    }
    plan
}

/// The registration that holds a neuron's place.
#[must_use]
pub const fn registration(neuron: &Neuron) -> Registration {
    Registration { hotkey: neuron.hotkey, block: neuron.registered }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use incentive::units::{Block, NetUid, Rao, Uid};
    use neuron_common::chain::BlockRef;

    use super::*;

    fn neuron(uid: u16, axon: bool) -> Neuron {
        Neuron {
            uid: Uid(uid),
            hotkey: Hotkey([uid as u8; 32]),
            coldkey: Hotkey([0; 32]),
            registered: Block(uid.into()),
            axon: axon.then(|| SocketAddr::from(([10, 0, 0, 1], 9000 + uid))),
            validator_permit: false,
            active: true,
            last_update: Block(0),
            incentive: 0,
            dividends: 0,
            emission: Rao(0),
            stake: Rao(0),
        }
    }

    fn subnet(neurons: Vec<Neuron>) -> Snapshot {
        Snapshot {
            block: BlockRef { number: Block(100), hash: [1; 32] },
            netuid: NetUid(2),
            tempo: 20,
            last_epoch_block: Block(90),
            epoch_index: 4,
            weights_rate_limit: 10,
            weights_version_key: 0,
            commit_reveal: false,
            owner_uid: Some(Uid(0)),
            neurons,
        }
    }

    #[test]
    fn everybody_else_with_an_address_is_asked() {
        let snapshot = subnet(vec![neuron(0, true), neuron(1, true), neuron(2, true), neuron(3, false)]);
        let plan = plan(&snapshot, &Hotkey([1; 32]));
        assert_eq!(plan.targets.iter().map(|(target, _)| target.uid).collect::<Vec<_>>(), [Uid(2)]);
        assert_eq!(plan.targets[0].1, Registration { hotkey: Hotkey([2; 32]), block: Block(2) });
        assert_eq!(plan.decided.len(), 1);
        assert_eq!(plan.decided[0].verdict, Verdict::Rejected(Fault::NoAxon));
        assert_eq!(plan.decided[0].uid, Uid(3));
    }

    #[test]
    fn an_empty_subnet_is_a_plan() {
        assert_eq!(plan(&subnet(Vec::new()), &Hotkey([1; 32])), Plan::default());
    }
}
