//! runtime-metadata
