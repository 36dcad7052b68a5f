//! What a block mints and how an epoch's share is split.
//!
//! In the order of a block: [`block_emission`] is minted, [`shares`] divide it among the subnets, [`inject`] turns a
//! subnet's part into liquidity, [`split`] divides the subnet's own tokens among owner, miners, validators and root.
//! [`moving_price`] then follows the pool. At the end of a tempo the epoch's dividends are passed on to parents and divided by [`distribute`].

#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::indexing_slicing))]

mod distribution;
mod issuance;
mod price;

pub use distribution::{
    Account, Distribution, Pending, Withheld, distribute, divide_dividend, dividend_after_take, withhold,
};
pub use issuance::{
    Candidate, Injection, Split, block_emission, inject, price_shares, root_is_paid, root_proportion, shares, split,
    tao_emission,
};
pub use price::{PriceRule, moving_price};

#[cfg(test)]
mod tests;
