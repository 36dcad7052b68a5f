//! What is kept of a sum: the top five bits of a full mix. Plain arrays, as in `chacha`.

use proof::rows::mix32;

/// See [`super::Lanes::requantise`].
#[inline(always)]
pub(super) fn requantise<const C: usize>(sums: &[[i32; C]], salts: &[u32], words: &mut [u32], stride: usize) {
    let mut lanes = [0; C];
    let columns = salts.len().min(C);
    lanes[..columns].copy_from_slice(&salts[..columns]);
    for (row, sums) in sums.iter().enumerate() {
        let mut values = [0; C];
        for ((value, sum), salt) in values.iter_mut().zip(sums).zip(&lanes) {
            // The value plus 16, which is how a batch holds it.
            *value = (mix32(sum.cast_unsigned() ^ salt) >> 27) as u8;
        }
        let quads = values[..columns].as_chunks::<4>().0;
        for (word, quad) in words[row..].iter_mut().step_by(stride).zip(quads) {
            *word = u32::from_le_bytes(*quad);
        }
    }
}
