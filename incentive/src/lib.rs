//! incentive
