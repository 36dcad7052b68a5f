//! How far a forecast made with this arithmetic holds on a given chain.
//!
//! Subtensor's runtime changes several times a month. Where the connected chain is newer than [`crate::RUNTIME`], or a subnet
//! does not reach its consensus by Yuma, whoever shows a forecast shows these caveats with it.

use std::fmt::{self, Display, Formatter};

use crate::RUNTIME;

/// How a subnet turns weights into incentives: `SubnetEpochConsensus`, which runtimes up to 425 do not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consensus {
    /// The stake-weighted median of all validators.
    #[default]
    Yuma,
    /// One validator decides alone.
    Null,
    /// What this release does not know, by the chain's name.
    Other(String),
}

/// Why a forecast may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// The chain runs a newer runtime, with this spec version.
    Newer(u32),
    /// The chain runs an older runtime, with this spec version.
    Older(u32),
    /// The subnet has another consensus.
    Consensus(Consensus),
}

/// What has to be said beside a forecast for a subnet with this consensus on a chain of this spec version; empty when
/// the arithmetic is the chain's own.
#[must_use]
pub fn caveats(spec_version: u32, consensus: &Consensus) -> Vec<Caveat> {
    let version = match spec_version {
        RUNTIME => None,
        newer if newer > RUNTIME => Some(Caveat::Newer(newer)),
        older => Some(Caveat::Older(older)),
    };
    let consensus = (*consensus != Consensus::Yuma).then(|| Caveat::Consensus(consensus.clone()));
    version.into_iter().chain(consensus).collect()
}

/// What newer runtimes are known to compute otherwise.
const NEWER: &str = "the TAO shares of subnets pass a gate that favours the large ones (EmissionGateExponent), \
liquid alpha has a consensus mode (LiquidAlphaConsensusMode), \
part of a registration's price may be locked as collateral (CollateralLockShare), \
a dissolved subnet leaves its netuid later";

impl Display for Caveat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(spec) => {
                write!(f, "forecasts follow runtime {RUNTIME}, the chain runs {spec}; known to differ since: {NEWER}")
            }
            Self::Older(spec) => write!(f, "forecasts follow runtime {RUNTIME}, the chain still runs {spec}"),
            Self::Consensus(Consensus::Null) => f.write_str(
                "this subnet has the consensus Null: the weights of its one permitted validator decide alone and dividends follow \
                 stake; forecasts assume Yuma",
            ),
            Self::Consensus(consensus) => {
                write!(f, "this subnet has the consensus {consensus}, which is not known here; forecasts assume Yuma")
            }
        }
    }
}

impl Display for Consensus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yuma => "Yuma",
            Self::Null => "Null",
            Self::Other(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_runtime_needs_no_words() {
        assert_eq!(caveats(RUNTIME, &Consensus::Yuma), []);
    }

    #[test]
    fn what_differs_is_named() {
        let newer = caveats(RUNTIME + 6, &Consensus::Null);
        assert_eq!(newer, [Caveat::Newer(RUNTIME + 6), Caveat::Consensus(Consensus::Null)]);
        assert!(newer[0].to_string().contains("EmissionGateExponent"));
        assert!(newer[1].to_string().contains("Null"));
        assert_eq!(caveats(RUNTIME - 1, &Consensus::Yuma), [Caveat::Older(RUNTIME - 1)]);
        let other = caveats(RUNTIME, &Consensus::Other("Median".to_owned()));
        assert!(other[0].to_string().contains("Median, which is not known"));
    }
}
