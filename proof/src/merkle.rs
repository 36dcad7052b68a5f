//! A binary Merkle tree over a power of two of leaves, without any padding rule.

use crate::digest::{Digest, derive};

/// The context in which leaves are hashed.
pub const LEAF_CONTEXT: &str = "assay leaf v1";

/// The leaf of a packed row. Its place is part of it, so that no row can stand for another.
#[must_use]
pub fn leaf(chain: u16, round: u32, row: u32, packed: &[u8]) -> Digest {
    derive(LEAF_CONTEXT, &[&[0], &chain.to_le_bytes(), &round.to_le_bytes(), &row.to_le_bytes(), packed])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    derive("assay node v1", &[left, right])
}

/// The root over `leaves`; their number is a power of two. One leaf is its own root.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    debug_assert!(leaves.len().is_power_of_two(), "a tree has a power of two of leaves");
    match leaves {
        [] => [0; 32],
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len() / 2);
            node(&root(left), &root(right))
        }
    }
}

/// The siblings from the leaf at `index` up to the root. `index` lies inside `leaves`.
#[must_use]
pub fn path(leaves: &[Digest], index: usize) -> Vec<Digest> {
    let mut path = Vec::new();
    let mut level = leaves.to_vec();
    let mut index = index;
    while level.len() > 1 {
        path.push(level[index ^ 1]);
        level = level.chunks_exact(2).map(|pair| node(&pair[0], &pair[1])).collect();
        index /= 2;
    }
    path
}

/// The root that a leaf at `index` and its siblings lead to; equal to the signed root or not.
#[must_use]
pub fn climb(leaf: Digest, index: u32, path: &[Digest]) -> Digest {
    let mut index = index;
    path.iter().fold(leaf, |below, sibling| {
        let above = if index & 1 == 0 { node(&below, sibling) } else { node(sibling, &below) };
        index >>= 1;
        above
    })
}
