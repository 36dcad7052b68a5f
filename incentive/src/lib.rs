//! What decides who is paid, and nothing else.
//!
//! Pure functions on owned values: no IO, no clock, no randomness, no floats on the way to the chain.
//! Time is an argument, in blocks. In the order in which a round uses them:
//!
//! - [`units`]: ids and amounts (`Uid`, `NetUid`, `Block`, `Rao`, `Score`, `Weight`)
//! - [`verdict`]: what a validator found out about one answer; every zero has a [`verdict::Fault`]
//! - [`task`]: what is paid for
//! - [`policy`]: the knobs of a subnet owner
//! - [`score`]: verified rounds become a score
//! - [`inference`]: tokens in time become a score
//! - [`evidence`]: margins of tokens become certainty about a model
//! - [`board`]: scores of the last windows become a reputation
//! - [`weights`]: reputations become the weight vector that goes to the chain
//! - [`fixed`]: the fixed-point arithmetic of the chain's pallet
//! - [`schedule`]: when an epoch is due
//! - [`yuma`]: weights and stake become incentive, dividends and bonds
//! - [`emission`]: what a block mints and how an epoch's share is split
//! - [`registration`]: what a place on the subnet costs
//! - [`forecast`]: on which chains all of this holds

pub mod board;
pub mod emission;
pub mod evidence;
pub mod fixed;
pub mod forecast;
pub mod inference;
pub mod policy;
pub mod registration;
pub mod schedule;
pub mod score;
pub mod task;
pub mod units;
pub mod verdict;
pub mod weights;
pub mod yuma;

/// The version of the chain's runtime whose arithmetic [`yuma`], [`emission`], [`schedule`] and [`registration`] follow.
pub const RUNTIME: u32 = 425;
