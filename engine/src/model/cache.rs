//! Keys and values of one sequence.
//!
//! Keys stand in panels of sixteen positions, values in panels of sixteen dimensions, so that scores and sums over
//! positions are products like any other. Memory is taken in blocks of positions as the sequence grows.

use super::config::Config;
use crate::compute::simd::wide::{Floats, LANES};

/// Positions that memory is taken for at once.
const BLOCK: usize = 256;

/// One slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    pub length: usize,
    capacity: usize,
    /// `layers × key heads`.
    heads: Vec<Head>,
    key_heads: usize,
}

/// Keys and values of one head in one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// One for each dimension, for sixteen positions after the other.
    pub keys: Vec<Floats>,
    /// For each sixteen dimensions, one for each position.
    pub values: Vec<Vec<Floats>>,
}

impl Cache {
    pub(crate) fn new(config: &Config) -> Self {
        let head = Head { keys: Vec::new(), values: vec![Vec::new(); config.head.div_ceil(LANES)] };
        let heads = vec![head; config.layers() * config.key_heads];
        Self { length: 0, capacity: 0, heads, key_heads: config.key_heads }
    }

    /// Bytes of a cache that holds a whole context.
    pub(crate) fn bytes(config: &Config, context: usize) -> u64 {
        let wide = config.head + config.head.next_multiple_of(LANES);
        let heads = (config.layers() * config.key_heads) as u64;
        heads.saturating_mul((wide * 4) as u64).saturating_mul(context.next_multiple_of(BLOCK) as u64)
    }

    /// Makes room for a sequence of `length`.
    pub(crate) fn reserve(&mut self, length: usize, head: usize) {
        if length <= self.capacity {
            return;
        }
        self.capacity = length.next_multiple_of(BLOCK);
        for part in &mut self.heads {
            resize(&mut part.keys, self.capacity / LANES * head);
            for values in &mut part.values {
                resize(values, self.capacity);
            }
        }
    }

    pub(crate) fn head(&self, layer: usize, head: usize) -> &Head {
        &self.heads[layer * self.key_heads + head]
    }

    /// Writes the keys and values of all heads at a position.
    pub(crate) fn write(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
        let width = keys.len() / self.key_heads;
        let heads = &mut self.heads[layer * self.key_heads..][..self.key_heads];
        for (head, (keys, values)) in heads.iter_mut().zip(keys.chunks(width).zip(values.chunks(width))) {
            for (cell, key) in head.keys[position / LANES * width..].iter_mut().zip(keys) {
                cell.0[position % LANES] = *key;
            }
            for (panel, values) in head.values.iter_mut().zip(values.chunks(LANES)) {
                panel[position].0[..values.len()].copy_from_slice(values);
            }
        }
    }

    /// Takes over the first positions of another sequence.
    pub(crate) fn copy_prefix(&mut self, from: &Self, length: usize, head: usize) {
        self.reserve(length, head);
        let keys = length.div_ceil(LANES) * head;
        for (to, from) in self.heads.iter_mut().zip(&from.heads) {
            to.keys[..keys].copy_from_slice(&from.keys[..keys]);
            for (to, from) in to.values.iter_mut().zip(&from.values) {
                to[..length].copy_from_slice(&from[..length]);
            }
        }
        self.length = length;
    }
}

fn resize(cells: &mut Vec<Floats>, length: usize) {
    cells.reserve_exact(length - cells.len());
    cells.resize(length, Floats::default());
}
