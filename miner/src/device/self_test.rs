//! Does a device compute what every validator will recompute, as fast as it can, and does it come back after a fault? One
//! program for a processor and for cards, one table.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::device::bench::Bench;
use crate::device::launch::Launch;
use crate::device::open::{Device, open};
use crate::device::plan::resolve;
use crate::device::{DeviceName, Selector, cuda};

mod bits;
mod recovery;
mod table;

use table::{Outcome, Table};

/// Rounds must reach this part of the rate of nothing but products.
const RATIO: f64 = 0.85;
/// Two hotkeys on one device may do this much of the work of one.
const GAIN: f64 = 1.02;
/// Pairs of measurements of which the median counts: a machine that does something else disturbs single ones.
const PAIRS: usize = 3;

/// What to test.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which devices, one after the other.
    pub device: Selector,
    /// Only whether the bits are right.
    pub bits: bool,
    /// How long each measured figure takes.
    pub length: Duration,
}

/// Tests every path of the devices and prints a table; the exit code is 0 only if nothing has failed.
///
/// # Errors
/// When a test cannot be made, or JSON cannot be made of the result.
pub fn run(options: &Options, json: bool) -> Result<ExitCode> {
    let mut table = Table::default();
    for name in resolve(&[options.device], cuda::indices)? {
        let label = name.to_string();
        if let Err(error) = device(&mut table, name, options) {
            table.add(&label, "all checks", format!("{error:#}"), "no error", Outcome::Failed);
        }
    }
    table.print(json)
}

fn device(table: &mut Table, name: DeviceName, options: &Options) -> Result<()> {
    let label = name.to_string();
    let device = open(name, crate::device::inventory::cores())?;
    let kernels = device.paths()?;
    for path in bits::absent(name, &kernels) {
        table.add(&label, path, "this machine does not have it".to_owned(), "", Outcome::Skipped);
    }
    bits::examine(table, &label, &kernels)?;
    drop(kernels);
    if options.bits {
        return Ok(());
    }
    let device = open(name, NonZeroUsize::MIN)?;
    rates(table, name, &device, options.length)?;
    drop(device);
    recovery::examine(table, name, &Launch::new()?)
}

/// Rates decide nothing about a processor: others may be using it. On a card they must be reached.
fn rates(table: &mut Table, name: DeviceName, device: &Arc<dyn Device>, length: Duration) -> Result<()> {
    let (label, bench) = (name.to_string(), Bench::of(name));
    let missed = if matches!(name, DeviceName::Cuda(_)) { Outcome::Failed } else { Outcome::Warning };
    let judge = |reached: bool| if reached { Outcome::Ok } else { missed };
    let products = bench.products(device.as_ref(), length)?;
    let (mut ones, mut gains) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let one = bench.rounds(device, 1, length)?;
        gains.push(bench.rounds(device, 2, length)? / one);
        ones.push(one);
    }
    let rounds = median(ones);
    let ratio = rounds / products;
    let text = format!("{ratio:.3}: {:.4} of {:.4} Top/s", rounds / 1e12, products / 1e12);
    table.add(&label, "rate of rounds over products", text, "at least 0.85", judge(ratio >= RATIO));
    let gain = median(gains);
    let text = format!("{gain:.3} times the work of one");
    table.add(&label, "two hotkeys at the same time", text, "at most 1.02", judge(gain <= GAIN));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
