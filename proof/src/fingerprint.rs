//! A fingerprint of activations: the largest entries of the last hidden states over some tokens, as a polynomial
//! (TOPLOC, arXiv 2501.16007). It shows that the true model ran over these tokens; it does not show that the tokens are the
//! model's own choice. A second factor, `PROTOCOL.md`, "Fingerprints".
//!
//! States are bf16 patterns, row after row; row i is the state after the final norm from which token i of the answer was
//! chosen. Both sides round to bf16 ([`bf16`]) before anything else. Nothing that a peer sends decides how much is computed.
//!
//! `largest` finds the entries, `field` puts the polynomial through them, [`forge`] makes fingerprints without a model, so
//! that a fingerprint's worth for a model can be measured.

mod field;
pub mod forge;
mod largest;

use field::PRIME;
pub use largest::largest;

/// The name of these fingerprints, as answers carry it.
pub const FINGERPRINT: &str = "toploc-bf16-1";
/// Tokens of a chunk; the last one of an answer may be shorter.
pub const CHUNK: usize = 32;
/// Entries that are kept of a chunk (fewer where it has fewer).
pub const TOP: usize = 128;
/// Bytes of a fingerprint of [`TOP`] entries: the modulus and the coefficients, u16 big-endian.
pub const BYTES: usize = 2 + 2 * TOP;
/// No honest modulus is smaller: one of 256 numbers in a row keeps any few indices apart. A small one would let a polynomial
/// speak of channels instead of entries.
const MODULUS_LEAST: u16 = PRIME as u16 - 255;

/// The fingerprint of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// All indices are distinct by it; 0 where there is no fingerprint.
    pub modulus: u16,
    /// Ascending powers.
    pub coefficients: Vec<u16>,
}

/// How far a fingerprint lies from the states that it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// Of the largest entries, those whose exponents differ.
    pub exponents: u32,
    /// Of the others, those whose signs differ. TOPLOC does not look at signs; a polynomial that is the same everywhere is found
    /// by them.
    pub signs: u32,
    /// Mean difference of the mantissas of the others, in thousandths, rounded up; `u64::MAX` where there are none.
    pub mean: u64,
    /// Median difference, the upper one of two; `u64::MAX` where there are none.
    pub median: u64,
}

/// Why bytes are no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// Of another length than any fingerprint has.
    #[error("a fingerprint has 4 to {BYTES} bytes, an even number, not {0}")]
    Length(usize),
    /// A number that is no residue.
    #[error("number {index} of the fingerprint is {value}; it must be below {PRIME}")]
    Number {
        /// Which, from 0; for the modulus, which may be the prime itself, 0.
        index: usize,
        /// What it is.
        value: u16,
    },
}

/// The pattern of the nearest bf16, of two the even one. NaN stays NaN.
#[must_use]
pub const fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let half = (bits >> 16) as u16;
    if value.is_nan() {
        return half | 0x40;
    }
    // Half of the last place, less one where the last bit is even: a carry into the exponent is right, up to infinity.
    ((bits + 0x7fff + (half & 1) as u32) >> 16) as u16
}

/// The fingerprints of an answer: one for each 32 rows of `hidden` entries, the last one over the rest.
#[must_use]
pub fn chunks(rows: &[u16], hidden: usize) -> Vec<Fingerprint> {
    rows.chunks(chunk(hidden)).map(Fingerprint::of).collect()
}

/// How far each whole chunk of an answer lies from what it should be. A shorter last one must be there, but is not measured: its
/// largest entries reach down to small ones, which differ between honest engines. An answer that did not end but was cut has
/// none of it. `None` where there are more fingerprints than chunks, or fewer, or one is of another form.
#[must_use]
pub fn distances(claimed: &[Fingerprint], rows: &[u16], hidden: usize, ended: bool) -> Option<Vec<Distance>> {
    let entries = chunk(hidden);
    let own: Vec<_> = rows.chunks(entries).filter(|own| ended || own.len() == entries).collect();
    let fit = own.len() == claimed.len() && claimed.iter().zip(&own).all(|(claimed, own)| claimed.fits(own.len()));
    let whole = own.iter().filter(|own| own.len() == entries);
    fit.then(|| claimed.iter().zip(whole).map(|(claimed, own)| claimed.distance(own)).collect())
}

const fn chunk(hidden: usize) -> usize {
    let entries = CHUNK.saturating_mul(hidden);
    if entries == 0 { 1 } else { entries }
}

// === impl Fingerprint ===

impl Fingerprint {
    /// No fingerprint: far from everything.
    #[must_use]
    pub fn null() -> Self {
        Self { modulus: 0, coefficients: vec![0; TOP] }
    }

    /// Of a chunk: at most [`CHUNK`] rows, one after the other.
    #[must_use]
    pub fn of(rows: &[u16]) -> Self {
        let points: Vec<_> = largest(rows, TOP).into_iter().map(|index| (index, rows[index as usize])).collect();
        Self::through(&points)
    }

    /// Through these points, index and pattern; the null fingerprint where there are none, or an index stands twice.
    #[must_use]
    pub fn through(points: &[(u32, u16)]) -> Self {
        let Some(modulus) = field::modulus(points) else { return Self::null() };
        let points: Vec<_> = points.iter().map(|(x, y)| (x % modulus, u32::from(*y) % PRIME)).collect();
        let coefficients = field::interpolate(&points).into_iter().map(|number| number as u16).collect();
        Self { modulus: modulus as u16, coefficients }
    }

    /// What the polynomial says of an entry, below 65497; 0 of every entry where there is no fingerprint.
    #[must_use]
    pub fn at(&self, index: u32) -> u16 {
        let Some(x) = index.checked_rem(self.modulus.into()) else { return 0 };
        field::evaluate(self.coefficients.iter().copied().map(u32::from), x) as u16
    }

    /// How far it lies from these rows, by the largest of *their* entries.
    #[must_use]
    pub fn distance(&self, rows: &[u16]) -> Distance {
        let k = rows.len().min(TOP);
        if !self.fits(rows.len()) {
            return Distance { exponents: k as u32, signs: 0, mean: u64::MAX, median: u64::MAX };
        }
        let (mut exponents, mut signs, mut mantissas) = (0, 0, Vec::with_capacity(k));
        for index in largest(rows, k) {
            let (own, claimed) = (rows[index as usize], self.at(index));
            if (own ^ claimed) & 0x7f80 != 0 {
                exponents += 1;
            } else {
                signs += u32::from((own ^ claimed) >> 15);
                mantissas.push((own & 0x7f).abs_diff(claimed & 0x7f));
            }
        }
        Distance { exponents, signs, ..Distance::of_mantissas(&mut mantissas) }
    }

    /// Whether it is of the form that so many entries have.
    fn fits(&self, entries: usize) -> bool {
        self.modulus >= MODULUS_LEAST && self.coefficients.len() == entries.min(TOP)
    }

    /// The modulus and the coefficients, u16 big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        std::iter::once(&self.modulus).chain(&self.coefficients).flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Reads what somebody sent.
    ///
    /// # Errors
    /// See [`FingerprintError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FingerprintError> {
        let (numbers, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() || !(4..=BYTES).contains(&bytes.len()) {
            return Err(FingerprintError::Length(bytes.len()));
        }
        let numbers: Vec<_> = numbers.iter().copied().map(u16::from_be_bytes).collect();
        let wrong = |(index, value): &(usize, &u16)| u32::from(**value) >= PRIME + u32::from(*index == 0);
        if let Some((index, value)) = numbers.iter().enumerate().find(wrong) {
            return Err(FingerprintError::Number { index, value: *value });
        }
        Ok(Self { modulus: numbers[0], coefficients: numbers[1..].to_vec() })
    }
}

// === impl Distance ===

impl Distance {
    fn of_mantissas(differences: &mut [u16]) -> Self {
        differences.sort_unstable();
        let (sum, count) = (differences.iter().copied().map(u64::from).sum::<u64>(), differences.len() as u64);
        let mean = if count == 0 { u64::MAX } else { (sum * 1000).div_ceil(count) };
        let median = differences.get(differences.len() / 2).map_or(u64::MAX, |median| (*median).into());
        Self { exponents: 0, signs: 0, mean, median }
    }

    /// Whether it is within limits, signs counted with the exponents.
    #[must_use]
    pub const fn within(&self, exponents: u32, mean: u64, median: u64) -> bool {
        self.exponents.saturating_add(self.signs) <= exponents && self.mean <= mean && self.median <= median
    }
}
