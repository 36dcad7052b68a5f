//! Which answers are checked: drawn from randomness that did not exist before the answers were in.
//!
//! Every miner that sent tokens is looked at, however few it sent; beyond that the share that its policy of audits asks for,
//! as far as the budget goes. Answers are drawn by their tokens, so that a long one is as likely to be looked into at any of
//! its places as a short one.

/// Tokens of a miner that are checked where it sent so many: four blocks of evidence.
pub const FLOOR: u32 = 256;
/// Below so many checked tokens of a miner in a day its answers are not scored.
const DAILY: u64 = 512;
/// Blocks of a day, at 12 seconds.
const DAY: u64 = 7_200;
/// The part of the budget that is kept for answers like one that was found odd, as a divisor.
const RESERVE: u64 = 5;

/// An answer that could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its tokens.
    pub tokens: u32,
    /// Tokens of its prompt; what a check costs is both.
    pub prompt: u32,
}

/// What one miner sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Its answers with tokens; an index into them is what is drawn.
    pub answers: Vec<Candidate>,
    /// How many of a million of its tokens are checked.
    pub ppm: u32,
}

/// What a window's checks may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    left: u64,
    reserve: u64,
}

/// Tokens of a miner that must be checked in a window of a subnet with this tempo, unless it sent fewer.
#[must_use]
pub fn least(tempo: u16) -> u32 {
    u32::try_from((DAILY * u64::from(tempo)).div_ceil(DAY)).unwrap_or(u32::MAX).max(1)
}

/// Draws from all miners, each in turn, so that a budget which is too small is too small for all alike: first to
/// [`FLOOR`], then to the share of each. Indices into [`Claims::answers`], in the order in which they were drawn.
#[must_use]
pub fn draw(seed: &[u8; 32], miners: &[Claims], budget: &mut Budget) -> Vec<Vec<usize>> {
    let mut drawn = vec![Vec::new(); miners.len()];
    let mut urns: Vec<_> = miners.iter().enumerate().map(|(miner, claims)| Urn::new(seed, miner, claims)).collect();
    let first = urns.len().checked_ilog2().map_or(0, |_| (word(seed, u32::MAX, 0) % urns.len() as u64) as usize);
    for goal in [Urn::floor, Urn::share] {
        loop {
            let mut progress = false;
            for step in 0..urns.len() {
                let miner = (first + step) % miners.len();
                let urn = &mut urns[miner];
                if urn.checked < goal(urn)
                    && let Some(index) = urn.take(budget)
                {
                    drawn[miner].push(index);
                    progress = true;
                }
            }
            if !progress {
                break;
            }
        }
    }
    drawn
}

impl Budget {
    /// So many tokens, of which a part is kept for [`Budget::spend_reserve`].
    #[must_use]
    pub const fn new(tokens: u32) -> Self {
        let reserve = tokens as u64 / RESERVE;
        Self { left: tokens as u64 - reserve, reserve }
    }

    /// Whether a check of this cost fits; if so, it is paid.
    pub const fn spend(&mut self, cost: u64) -> bool {
        let fits = cost <= self.left;
        if fits {
            self.left -= cost;
        }
        fits
    }

    /// The same for the second look at answers like one that was odd, from the reserve and what else is left.
    pub const fn spend_reserve(&mut self, cost: u64) -> bool {
        self.left += self.reserve;
        self.reserve = 0;
        self.spend(cost)
    }
}

impl Candidate {
    /// Tokens that a check computes.
    #[must_use]
    pub const fn cost(&self) -> u64 {
        self.tokens as u64 + self.prompt as u64
    }
}

/// The answers of a miner that are not drawn yet.
struct Urn<'a> {
    seed: &'a [u8; 32],
    miner: u32,
    answers: &'a [Candidate],
    inside: Vec<usize>,
    draws: u32,
    tokens: u64,
    ppm: u64,
    checked: u64,
}

impl<'a> Urn<'a> {
    fn new(seed: &'a [u8; 32], miner: usize, claims: &'a Claims) -> Self {
        let inside: Vec<_> = (0..claims.answers.len()).filter(|index| claims.answers[*index].tokens > 0).collect();
        let tokens = inside.iter().map(|index| u64::from(claims.answers[*index].tokens)).sum();
        let (miner, ppm) = (u32::try_from(miner).unwrap_or(u32::MAX), u64::from(claims.ppm));
        Self { seed, miner, answers: &claims.answers, inside, draws: 0, tokens, ppm, checked: 0 }
    }

    fn floor(&self) -> u64 {
        self.tokens.min(u64::from(FLOOR))
    }

    fn share(&self) -> u64 {
        self.floor().max((self.tokens * self.ppm).div_ceil(1_000_000))
    }

    /// The answer that holds a token drawn from all that are inside. Those that the budget does not hold are laid aside before: a
    /// budget never grows, and so the number of draws is bounded by it and not by what a miner sends.
    fn take(&mut self, budget: &mut Budget) -> Option<usize> {
        self.inside.retain(|index| self.answers[*index].cost() <= budget.left);
        let left: u64 = self.inside.iter().map(|index| u64::from(self.answers[*index].tokens)).sum();
        let mut token = word(self.seed, self.miner, self.draws).checked_rem(left)?;
        self.draws += 1;
        let place = self.inside.iter().position(|index| {
            let tokens = u64::from(self.answers[*index].tokens);
            let here = token < tokens;
            token = token.saturating_sub(tokens);
            here
        })?;
        let index = self.inside.swap_remove(place);
        self.checked += u64::from(self.answers[index].tokens);
        budget.spend(self.answers[index].cost()).then_some(index)
    }
}

/// Word `draw` of a miner. The bias of a modulus below 2^32 is below 2^-32.
fn word(seed: &[u8; 32], miner: u32, draw: u32) -> u64 {
    let material = [&seed[..], &miner.to_le_bytes(), &draw.to_le_bytes()].concat();
    let bytes = blake3::derive_key("assay audit v1", &material);
    bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(tokens: &[u32], percent: u32) -> Claims {
        let answers = tokens.iter().map(|&tokens| Candidate { tokens, prompt: 10 }).collect();
        Claims { answers, ppm: percent * 10_000 }
    }

    fn checked(claims: &Claims, drawn: &[usize]) -> u32 {
        drawn.iter().map(|index| claims.answers[*index].tokens).sum()
    }

    #[test]
    fn everybody_is_looked_at_and_the_share_is_kept() {
        let miners =
            [claims(&[64; 400], 5), claims(&[3], 5), claims(&[], 5), claims(&[64; 400], 50), claims(&[0, 7], 5)];
        let drawn = draw(&[7; 32], &miners, &mut Budget::new(10_000_000));
        assert_eq!(checked(&miners[0], &drawn[0]), 1280, "a twentieth of 25600");
        assert_eq!(drawn[1], [0]);
        assert_eq!(drawn[2], [] as [usize; 0]);
        assert_eq!(checked(&miners[3], &drawn[3]), 12_800, "half of it under suspicion");
        assert_eq!(drawn[4], [1], "an answer without tokens is none to check");
        for drawn in drawn {
            let mut once = drawn.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), drawn.len(), "none twice");
        }
    }

    #[test]
    fn a_small_budget_is_small_for_all_alike() {
        let miners = vec![claims(&[50; 100], 5); 8];
        // Each check costs 60, and four fifths of the budget are drawn from: 32 checks for 8 miners.
        let drawn = draw(&[1; 32], &miners, &mut Budget::new(2_400));
        assert!(drawn.iter().all(|drawn| drawn.len() == 4), "{drawn:?}");
        // One answer that costs more than all there is keeps nobody else from being checked.
        let miners = [claims(&[1_000_000], 5), claims(&[50], 5)];
        assert_eq!(draw(&[1; 32], &miners, &mut Budget::new(2_400)), [vec![], vec![0]]);
    }

    #[test]
    fn the_reserve_is_for_second_looks() {
        let mut budget = Budget::new(100);
        assert!(budget.spend(80) && !budget.spend(1));
        assert!(budget.spend_reserve(20) && !budget.spend_reserve(1));
    }

    #[test]
    fn the_sample_is_the_seeds_and_no_place_is_safe() {
        let miners = [claims(&[40; 200], 5)];
        let drawn = |seed: u8| draw(&[seed; 32], &miners, &mut Budget::new(1_000_000)).remove(0);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let mut seen = [false; 200];
        (0..=255).flat_map(drawn).for_each(|index| seen[index] = true);
        assert!(seen.iter().all(|seen| *seen), "each answer is drawn at some time");
    }

    #[test]
    fn long_answers_are_drawn_by_their_tokens() {
        // One answer holds half of all tokens: it is among the checked far more often than its share by number.
        let mut tokens = vec![10; 100];
        tokens.push(1_000);
        let miners = [claims(&tokens, 5)];
        let found = (0..=255).filter(|seed| draw(&[*seed; 32], &miners, &mut Budget::new(1_000_000))[0].contains(&100));
        assert!(found.count() > 240);
    }

    #[test]
    fn the_least_is_that_of_a_day() {
        assert_eq!(least(360), 26);
        assert_eq!(least(20), 2);
        assert_eq!(least(0), 1);
    }
}
