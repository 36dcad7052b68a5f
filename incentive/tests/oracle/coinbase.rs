//! Whole blocks.
