//! The roots of one miner as they arrive.

use incentive::units::Hotkey;
use incentive::verdict::Fault;
use neuron_common::keystore::{self, Scheme, SignedMessage};
use neuron_common::wire::RootFrame;
use proof::chain::{first_head, next_head};
use proof::{Challenge, Commitment, Digest};

/// The most roots that one hotkey may send in a window; more are not taken. It bounds what 256 hostile hotkeys can fill
/// to 256 MiB, and is twice what a node of eight H100 sends in 30 s.
pub const ROOTS_MAX: usize = 32 * 1024;

/// Takes chunks of a stream of frames and keeps the chains that they form.
#[derive(Debug)]
pub struct Roots {
    challenge: Challenge,
    window: Digest,
    seed: Digest,
    hotkey: Hotkey,
    chains: Vec<Line>,
    /// Roots of all chains.
    count: usize,
    /// The start of a frame whose rest has not arrived.
    rest: Vec<u8>,
}

/// One chain: its roots, the head after the last of them, and the signature over that head. Earlier heads are not kept,
/// they follow from the roots.
#[derive(Debug)]
struct Line {
    roots: Vec<Digest>,
    head: Digest,
    signature: [u8; 64],
}

impl Roots {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new(challenge: &Challenge, hotkey: Hotkey) -> Self {
        Self {
            challenge: challenge.clone(),
            window: challenge.id(),
            seed: challenge.seed(&hotkey),
            hotkey,
            chains: Vec::new(),
            count: 0,
            rest: Vec::new(),
        }
    }

    /// Whether no root has arrived.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether no more roots are taken.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count >= ROOTS_MAX
    }

    /// Takes the next bytes of the stream.
    ///
    /// # Errors
    /// The fault, when they cannot be what an honest miner sends.
    pub fn take(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.rest.extend_from_slice(chunk);
        let whole = self.rest.len() - self.rest.len() % RootFrame::LEN;
        let bytes = self.rest.drain(..whole).collect::<Vec<u8>>();
        for frame in bytes.chunks_exact(RootFrame::LEN) {
            if self.is_full() {
                break;
            }
            self.frame(&RootFrame::parse(frame).ok_or(Fault::Malformed)?)?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: &RootFrame) -> Result<(), Fault> {
        let compute = &self.challenge.compute;
        if frame.chain >= compute.chains_max || frame.round > compute.rounds_max {
            return Err(Fault::Malformed);
        }
        // A chain that comes before its predecessors makes room for them: at most `chains_max` are ever held.
        while self.chains.len() <= usize::from(frame.chain) {
            let index = u16::try_from(self.chains.len()).map_err(|_| Fault::Malformed)?;
            self.chains.push(Line { roots: Vec::new(), head: first_head(&self.seed, index), signature: [0; 64] });
        }
        let line = self.chains.get_mut(usize::from(frame.chain)).ok_or(Fault::Malformed)?;
        let before =
            usize::try_from(frame.round).ok().and_then(|round| round.checked_sub(1)).ok_or(Fault::Malformed)?;
        match line.roots.get(before) {
            None if before == line.roots.len() => {
                line.head = next_head(&line.head, &frame.root);
                line.roots.push(frame.root);
                line.signature = frame.signature;
                self.count += 1;
                Ok(())
            }
            // A gap, or a root that is there already.
            None => Err(Fault::Malformed),
            Some(known) if *known == frame.root => Err(Fault::Malformed),
            Some(_) => Err(self.conflict(frame, before)),
        }
    }

    /// Another root for a round that is there. Only two signatures prove anything: a frame that was slipped in on the way
    /// must not convict.
    fn conflict(&self, frame: &RootFrame, before: usize) -> Fault {
        let Some(line) = self.chains.get(usize::from(frame.chain)) else { return Fault::Malformed };
        let start = first_head(&self.seed, frame.chain);
        let head = line.roots.iter().take(before).chain([&frame.root]).fold(start, |head, root| next_head(&head, root));
        let proven =
            self.signed(frame.chain, frame.round, &head, &frame.signature) && self.is_signed(frame.chain, line);
        if proven { Fault::Equivocation } else { Fault::BadSignature }
    }

    fn is_signed(&self, chain: u16, line: &Line) -> bool {
        u32::try_from(line.roots.len()).is_ok_and(|rounds| self.signed(chain, rounds, &line.head, &line.signature))
    }

    fn signed(&self, chain: u16, round: u32, head: &Digest, signature: &[u8; 64]) -> bool {
        keystore::verify(&self.hotkey, &self.digest(chain, round, head), signature)
    }

    /// What is signed of a chain's head.
    fn digest(&self, chain: u16, round: u32, head: &Digest) -> Digest {
        proof::head_digest(&self.window, &self.hotkey, chain, round, head)
    }

    /// Whether the last head of every chain is signed. All are of one key, so one equation checks them.
    fn all_signed(&self) -> bool {
        let chains = (0_u16..).zip(&self.chains).filter(|(_, line)| !line.roots.is_empty());
        let digests: Option<Vec<_>> = chains
            .map(|(chain, line)| {
                let rounds = u32::try_from(line.roots.len()).ok()?;
                Some((self.digest(chain, rounds, &line.head), &line.signature))
            })
            .collect();
        let Some(digests) = digests else { return false };
        let signed: Vec<_> = digests
            .iter()
            .map(|(message, signature)| {
                let scheme = Scheme::of(signature);
                SignedMessage { signer: self.hotkey, scheme, message, signature }
            })
            .collect();
        keystore::verify_batch(&signed).into_iter().all(|good| good)
    }

    /// The counted roots, when the last head of every chain is signed: it binds all roots before it.
    ///
    /// # Errors
    /// [`Fault::NoRoot`] or [`Fault::BadSignature`].
    pub fn finish(self) -> Result<Commitment, Fault> {
        if self.is_empty() {
            return Err(Fault::NoRoot);
        }
        if !self.all_signed() {
            return Err(Fault::BadSignature);
        }
        let chains = self.chains.into_iter().map(|line| line.roots).collect();
        Ok(Commitment { hotkey: self.hotkey, chains })
    }
}

#[cfg(test)]
mod tests {
    use incentive::policy::Policy;
    use incentive::units::{Block, NetUid};
    use neuron_common::keystore::Keypair;
    use proof::Chain;

    use super::*;

    fn challenge() -> Challenge {
        let compute = Policy::dev().compute;
        Challenge { genesis: [1; 32], netuid: NetUid(2), block: Block(3), nonce: [4; 32], compute }
    }

    /// Frames of one chain with the given roots, signed as an honest miner signs.
    fn frames(key: &Keypair, roots: &[Digest]) -> Vec<[u8; RootFrame::LEN]> {
        let challenge = challenge();
        let mut chain = Chain::new(&challenge, &key.hotkey(), 0);
        roots
            .iter()
            .map(|root| {
                let head = chain.push(*root);
                let digest = proof::head_digest(&challenge.id(), &key.hotkey(), 0, chain.rounds(), &head);
                RootFrame { chain: 0, round: chain.rounds(), root: *root, signature: key.sign(&digest) }.encode()
            })
            .collect()
    }

    fn outcome(key: &Keypair, bytes: &[u8], chunk: usize) -> Result<Commitment, Fault> {
        let mut roots = Roots::new(&challenge(), key.hotkey());
        for chunk in bytes.chunks(chunk) {
            roots.take(chunk)?;
        }
        roots.finish()
    }

    #[test]
    fn counts_whole_frames_however_they_are_cut() {
        let key = Keypair::from_seed(&[7; 32]);
        let mut bytes = frames(&key, &[[1; 32], [2; 32]]).concat();
        bytes.extend_from_slice(&[0; 50]);
        for chunk in [1, 101, 102, 103, 1000] {
            assert_eq!(outcome(&key, &bytes, chunk).unwrap().chains, vec![vec![[1; 32], [2; 32]]]);
        }
    }

    #[test]
    fn each_misbehaviour_has_its_fault() {
        let key = Keypair::from_seed(&[7; 32]);
        let good = frames(&key, &[[1; 32], [2; 32], [3; 32]]);
        let fault = |bytes: &[u8]| outcome(&key, bytes, 4096).unwrap_err();
        assert_eq!(fault(&[]), Fault::NoRoot);
        assert_eq!(fault(&good[0][..90]), Fault::NoRoot);
        assert_eq!(fault(&[good[0], good[2]].concat()), Fault::Malformed, "a gap");
        assert_eq!(fault(&[good[0], good[0]].concat()), Fault::Malformed, "the same twice");
        assert_eq!(fault(&[0xff; RootFrame::LEN]), Fault::Malformed, "garbage");
        let stranger = frames(&Keypair::from_seed(&[8; 32]), &[[1; 32]]);
        assert_eq!(fault(&stranger[0]), Fault::BadSignature, "signed by another key");
        let other = frames(&key, &[[9; 32]]);
        assert_eq!(fault(&[good[0], other[0]].concat()), Fault::Equivocation, "two signed roots for one round");
        let mut forged = other[0];
        forged[60] ^= 1;
        assert_eq!(fault(&[good[0], forged].concat()), Fault::BadSignature, "a conflict that nobody signed");
        assert_eq!(fault(&[forged, good[0]].concat()), Fault::BadSignature, "an honest root after one slipped in");
    }

    #[test]
    fn a_flood_is_cut_off() {
        let key = Keypair::from_seed(&[7; 32]);
        let max = challenge().compute.rounds_max;
        let mut roots = Roots::new(&challenge(), key.hotkey());
        let frame = |round: u32| RootFrame { chain: 0, round, root: [0; 32], signature: [0; 64] }.encode();
        for round in 1..=max {
            roots.take(&frame(round)).unwrap();
        }
        assert_eq!(roots.take(&frame(max + 1)), Err(Fault::Malformed));
        let beyond = RootFrame { chain: challenge().compute.chains_max, round: 1, root: [0; 32], signature: [0; 64] };
        assert_eq!(roots.take(&beyond.encode()), Err(Fault::Malformed));
    }

    #[test]
    fn a_node_that_sends_more_than_fits_keeps_what_fits() {
        let key = Keypair::from_seed(&[7; 32]);
        let mut challenge = challenge();
        (challenge.compute.chains_max, challenge.compute.rounds_max) = (64, 4096);
        let mut roots = Roots::new(&challenge, key.hotkey());
        for chain in 0..16 {
            for round in 1..=4096 {
                roots.take(&RootFrame { chain, round, root: [0; 32], signature: [0; 64] }.encode()).unwrap();
            }
        }
        assert!(roots.is_full());
        assert_eq!(roots.chains.iter().map(|line| line.roots.len()).sum::<usize>(), ROOTS_MAX);
    }
}
