//! Claims that are none.
