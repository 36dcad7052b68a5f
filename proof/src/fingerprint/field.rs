//! Polynomials over the numbers modulo 65497, a prime above every finite bf16 pattern and both infinities.

/// The prime; below it lies every pattern but some of NaN.
pub(super) const PRIME: u32 = 65497;

/// The largest number up to the prime that leaves all indices distinct; none where two are equal, or there are none.
pub(super) fn modulus(points: &[(u32, u16)]) -> Option<u32> {
    // By which modulus a residue was seen last; as none is tried twice, nothing is wiped between them.
    let mut seen = vec![0; PRIME as usize];
    let mut fresh = |x: u32, modulus: u32| std::mem::replace(&mut seen[(x % modulus) as usize], modulus) != modulus;
    let least = points.len().try_into().unwrap_or(u32::MAX).max(1);
    let apart = |modulus: &u32| points.iter().all(|(x, _)| fresh(*x, *modulus));
    (least..=PRIME).rev().find(apart).filter(|_| !points.is_empty())
}

/// Coefficients, ascending powers, of the polynomial of the lowest degree through points with distinct x below the prime.
///
/// By Lagrange: the product of all `x − x_i` without one factor, in the share that makes it `y_i` at `x_i`.
pub(super) fn interpolate(points: &[(u32, u32)]) -> Vec<u32> {
    let mut product = vec![1];
    for (root, _) in points {
        // Times `x − root`: each coefficient becomes the one below it less root times itself.
        product.push(0);
        for power in (0..product.len()).rev() {
            let below = if power == 0 { 0 } else { product[power - 1] };
            product[power] = (below + times(product[power], PRIME - root)) % PRIME;
        }
    }
    let mut sum = vec![0; points.len()];
    let mut others = sum.clone();
    for (root, y) in points {
        // Divided by `x − root` again, from the highest power down.
        let mut carry = 0;
        for (other, coefficient) in others.iter_mut().zip(&product[1..]).rev() {
            carry = (coefficient + times(carry, *root)) % PRIME;
            *other = carry;
        }
        let share = times(*y, inverse(evaluate(others.iter().copied(), *root)));
        for (sum, other) in sum.iter_mut().zip(&others) {
            *sum = (*sum + times(share, *other)) % PRIME;
        }
    }
    sum
}

/// The value at `x`, which is below the prime.
pub(super) fn evaluate(coefficients: impl DoubleEndedIterator<Item = u32>, x: u32) -> u32 {
    coefficients.rev().fold(0, |value, coefficient| (times(value, x) + coefficient) % PRIME)
}

/// The product of two numbers up to the prime: below 2^32, since 65497² is.
const fn times(a: u32, b: u32) -> u32 {
    a * b % PRIME
}

/// `x` to the power of `PRIME − 2`; 0 of 0.
fn inverse(x: u32) -> u32 {
    let (mut power, mut base, mut left) = (1, x, PRIME - 2);
    while left > 0 {
        if left & 1 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        left >>= 1;
    }
    power
}
