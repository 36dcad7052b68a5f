//! What goes wrong, and when: a pure function of fault and seed.

/// A fault that strikes in every epoch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections are cut at any moment.
    Cut,
    /// Connections are cut when the intent is written.
    CutSigned,
    /// Connections are cut when the pool has it.
    CutPooled,
    /// The node cannot be reached for some blocks.
    Down,
    /// The connection stays open and nothing passes for some blocks.
    Stall,
    /// Nothing passes until what was signed has expired.
    Expired,
    /// Everything arrives late.
    Slow,
    /// The node restarts and forgets its pool.
    NodeRestart,
    /// The submitter is killed at any moment.
    Kill,
    /// The submitter is killed when the intent is written.
    KillSigned,
    /// The submitter is killed when the pool has it.
    KillPooled,
    /// The submitter is killed before, between and after its own steps.
    KillStep,
    /// The submitter is killed when the pool has it, and its database is gone.
    Forgotten,
    /// Somebody else submits the same bytes again.
    Replayed,
    /// Another call of the hotkey takes the number.
    NonceTaken,
    /// A second process submits with the same hotkey.
    Second,
    /// The preferred endpoint dies for some blocks.
    PreferredDies,
    /// The preferred endpoint stays open and says nothing.
    PreferredStalls,
    /// The preferred endpoint is a node that got stuck and still answers.
    PreferredStuck,
    /// The preferred endpoint comes and goes.
    PreferredFlaps,
    /// The chain's clock is hours ahead of the submitter's.
    Skew,
}

/// When an action is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At this block of the epoch.
    At(u64),
    /// Once an intent of the epoch is open.
    Signed,
    /// Once the pool holds an extrinsic of the hotkey.
    Pooled,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Cut the connections through a proxy.
    Cut,
    /// Close a proxy for so many blocks.
    Down(u64),
    /// Stall a proxy for so many blocks.
    Stall(u64),
    /// Stall until the open intent has expired.
    StallUntilExpired,
    /// Stall until the epoch has its weights.
    StallUntilLanded,
    /// Restart the node.
    RestartNode,
    /// Kill the submitter; it starts again so many blocks later.
    Kill(u64),
    /// Kill the submitter and delete its database.
    Forget(u64),
    /// Let the submitter die before this step: 0 sign, 1 write down, 2 send, 3 hear the answer.
    DieAt(u8),
    /// Submit the bytes of the open intent once more.
    Replay,
    /// Submit another call of the hotkey.
    Remark,
}

/// Numbers from a seed (SplitMix64, by Steele, Lea and Flood).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0 up to `bound`, without `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

impl Fault {
    /// What happens in one epoch.
    #[must_use]
    pub fn plan(self, random: &mut Random) -> Vec<(Moment, Action)> {
        match self {
            Self::None | Self::Slow | Self::Second | Self::PreferredStuck | Self::Skew => Vec::new(),
            Self::Cut => vec![(early(random), Action::Cut), (early(random), Action::Cut), (early(random), Action::Cut)],
            Self::CutSigned => vec![(Moment::Signed, Action::Cut)],
            Self::CutPooled => vec![(Moment::Pooled, Action::Cut)],
            Self::Down => vec![(early(random), Action::Down(3 + random.below(6)))],
            Self::Stall => vec![(early(random), Action::Stall(3 + random.below(6)))],
            Self::Expired => vec![(Moment::Signed, Action::StallUntilExpired)],
            Self::NodeRestart => vec![(Moment::Pooled, Action::RestartNode), (early(random), Action::RestartNode)],
            Self::Kill => vec![(early(random), Action::Kill(random.below(3))), (early(random), Action::Kill(0))],
            Self::KillSigned => vec![(Moment::Signed, Action::Kill(random.below(4)))],
            Self::KillPooled => vec![(Moment::Pooled, Action::Kill(random.below(4)))],
            Self::KillStep => vec![(Moment::At(0), Action::DieAt(u8::try_from(random.below(4)).unwrap_or(0)))],
            Self::Forgotten => vec![(Moment::Pooled, Action::Forget(random.below(4)))],
            Self::Replayed => {
                vec![
                    (Moment::Signed, Action::Replay),
                    (Moment::Pooled, Action::Replay),
                    (early(random), Action::Replay),
                ]
            }
            Self::NonceTaken => vec![(Moment::At(1), Action::Remark), (early(random), Action::Remark)],
            Self::PreferredDies => vec![(Moment::Signed, Action::Down(4 + random.below(8)))],
            Self::PreferredStalls => vec![(Moment::Signed, Action::StallUntilLanded)],
            Self::PreferredFlaps => {
                (0..5).map(|turn| (Moment::At(4 * turn), Action::Down(1 + random.below(3)))).collect()
            }
        }
    }

    /// How many endpoints the submitter is given.
    #[must_use]
    pub const fn endpoints(self) -> usize {
        match self {
            Self::PreferredDies | Self::PreferredStalls | Self::PreferredStuck | Self::PreferredFlaps => 2,
            _ => 1,
        }
    }

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// A block of the first part of an epoch.
fn early(random: &mut Random) -> Moment {
    Moment::At(2 + random.below(8))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan_again_and_another_seed_another() {
        let plans =
            |seed| Fault::value_variants().iter().map(|fault| fault.plan(&mut Random::new(seed))).collect::<Vec<_>>();
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }
}
