//! What the transaction pool answers, in words.

use subxt_rpcs::UserError;

use super::ChainError;

/// Codes of Substrate's `author` methods.
mod code {
    pub const INVALID: i32 = 1010;
    pub const BANNED: i32 = 1012;
    pub const KNOWN: i32 = 1013;
    pub const PRIORITY: i32 = 1014;
    pub const FULL: i32 = 1016;
}

/// Why the pool did not take an extrinsic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, or has seen it included: the blocks will tell.
    Known,
    /// Its nonce was used or its life is over: the blocks will tell whether by itself.
    Outdated,
    /// It refused, with the chain's name for the reason and what to do.
    Refused(String, String),
    /// No answer about the extrinsic at all.
    Other(String),
}

impl Answer {
    /// The error for an extrinsic that the pool did not take and no block holds.
    pub fn error(self, call: &str) -> ChainError {
        match self {
            Self::Refused(name, advice) => ChainError::Refused { call: call.to_owned(), name, advice },
            Self::Known => refused(call, "AlreadyImported", "wait for its block"),
            Self::Outdated => refused(call, "Outdated", "sign it anew"),
            Self::Other(message) => ChainError::Node { doing: "submitting an extrinsic", message },
        }
    }
}

fn refused(call: &str, name: &str, advice: &str) -> ChainError {
    ChainError::Refused { call: call.to_owned(), name: name.to_owned(), advice: advice.to_owned() }
}

/// Reads a node's error.
pub fn answer(error: &UserError) -> Answer {
    let data = error.data.as_ref().map_or("", |data| data.get()).trim_matches('"');
    let named = |name: &str, advice: &str| Answer::Refused(name.to_owned(), advice.to_owned());
    match error.code {
        code::KNOWN | code::BANNED => Answer::Known,
        code::PRIORITY => {
            named("PriorityTooLow", "an extrinsic with the same nonce is waiting already; wait for its block")
        }
        code::FULL => named("PoolFull", "the node's pool is full; try again later"),
        code::INVALID => invalid(data),
        _ => Answer::Other(format!("{} ({}) {data}", error.message, error.code).trim().to_owned()),
    }
}

fn invalid(data: &str) -> Answer {
    if let Some(code) = custom(data) {
        let (name, advice) = reason(code);
        return Answer::Refused(name.to_owned(), advice.to_owned());
    }
    let refused = |name: &str, advice: &str| Answer::Refused(name.to_owned(), advice.to_owned());
    let data = data.to_lowercase();
    if data.contains("outdated") || data.contains("ancient") {
        Answer::Outdated
    } else if data.contains("bad signature") {
        refused("BadProof", "the runtime was upgraded while signing, or it is another chain; sign it anew")
    } else if data.contains("fees") {
        refused("Payment", "the signer cannot pay the fee; send it some TAO")
    } else {
        refused("Invalid", &format!("the node says {data:?}"))
    }
}

/// The number in `Custom error: 6` or `{"Custom":6}`.
fn custom(data: &str) -> Option<u8> {
    let rest = data.split_once("Custom")?.1;
    let digits: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The name of a code of `InvalidTransaction::Custom` in subtensor, and what to do.
fn reason(code: u8) -> (&'static str, &'static str) {
    match code {
        0 => ("ColdkeyInSwapSchedule", "the coldkey is being swapped; wait until that is done"),
        1 => (
            "StakeAmountTooLow",
            "stake more on this hotkey: it is below the subnet's threshold or the amount too small",
        ),
        2 => ("BalanceTooLow", "send more TAO to the coldkey"),
        3 => ("SubnetNotExists", "check `netuid`"),
        4 => (
            "HotkeyAccountDoesntExist",
            "register the hotkey first, and check that wallet and hotkey are the right ones",
        ),
        5 => ("NotEnoughStakeToWithdraw", "unstake less"),
        6 => ("RateLimitExceeded", "wait until the rate limit of this call is over; nothing is lost"),
        7 => ("InsufficientLiquidity", "use a smaller amount"),
        8 => ("SlippageTooHigh", "use a smaller amount or a wider limit"),
        9 => ("TransferDisallowed", "the subnet's owner has switched transfers off"),
        10 => ("HotKeyNotRegisteredInNetwork", "register the hotkey on this subnet, and check `netuid` and hotkey"),
        11 => ("InvalidIpAddress", "announce the address that is reachable from outside"),
        12 => ("ServingRateLimitExceeded", "the address was announced a short time ago; wait about 50 blocks"),
        13 => ("InvalidPort", "announce the port that is reachable from outside"),
        14 => ("ZeroMaxAmount", "nothing can be traded within this limit price"),
        15 => ("InvalidRevealRound", "compute the reveal round anew"),
        16 => ("CommitNotFound", "commit weights before revealing them"),
        17 => ("CommitBlockNotInRevealRange", "reveal in the epoch after the commitment"),
        18 => ("InputLengthsUnequal", "give lists of the same length"),
        19 => ("UidNotFound", "the uid is not on the subnet; read the metagraph again"),
        20 => ("EvmKeyAssociateRateLimitExceeded", "wait until the rate limit is over"),
        21 => ("ColdkeySwapDisputed", "the swap of the coldkey is disputed; settle that first"),
        22 => ("InvalidRealAccount", "check the proxied account"),
        23 => ("FailedShieldedTxParsing", "encrypt the extrinsic anew"),
        24 => ("InvalidShieldedTxPubKeyHash", "encrypt the extrinsic anew with the current key"),
        25 => ("NonAssociatedColdKey", "sign with the coldkey that owns this hotkey"),
        26 => ("DelegateTakeTooLow", "give a higher take"),
        27 => ("DelegateTakeTooHigh", "give a lower take"),
        255 => ("BadRequest", "the call does not fit the subnet's state; read the metagraph again"),
        _ => ("Custom", "this release does not know the code; look for a newer one"),
    }
}

/// What to do about an error of a pallet.
pub fn advice(name: &str) -> &'static str {
    match name {
        "SettingWeightsTooFast" | "CommittingWeightsTooFast" => "wait until WeightsSetRateLimit blocks have passed",
        "NeuronNoValidatorPermit" => "this hotkey holds no validator permit yet: it needs more stake and an epoch",
        "NotEnoughStakeToSetWeights" => "stake more on this hotkey",
        "HotKeyNotRegisteredInSubNet" | "HotKeyNotRegisteredInNetwork" => {
            "register the hotkey on this subnet, and check `netuid` and hotkey"
        }
        "IncorrectWeightVersionKey" => "the subnet asks for a newer release of the validator; upgrade",
        "CommitRevealEnabled" => "the subnet has switched commit-reveal on, which is not supported yet",
        "UidVecContainInvalidOne" => "the subnet has changed since the weights were made; read the metagraph again",
        "ServingRateLimitExceeded" => "the address was announced a short time ago; wait about 50 blocks",
        "InvalidIpAddress" => "announce the address that is reachable from outside",
        "NotEnoughBalanceToStake" | "CannotAffordLockCost" => "send more TAO to the coldkey",
        "NonAssociatedColdKey" => "sign with the coldkey that owns this hotkey",
        "HotKeyAlreadyRegisteredInSubNet" => "nothing to do: it is registered",
        "BadOrigin" => "sign with the key that may do this (the subnet's owner, or the sudo key)",
        "AdminActionProhibitedDuringWeightsWindow" => "wait for the next epoch: the last blocks before it are frozen",
        "SubtokenDisabled" => "start the subnet first (start_call)",
        _ => "see the chain's documentation of this error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32, data: &str) -> UserError {
        serde_json::from_value(serde_json::json!({ "code": code, "message": "m", "data": data })).unwrap()
    }

    #[test]
    fn custom_codes_have_the_chains_names() {
        for (data, expected) in [
            ("Custom error: 6", "RateLimitExceeded"),
            ("Custom error: 10", "HotKeyNotRegisteredInNetwork"),
            ("{\"Custom\":12}", "ServingRateLimitExceeded"),
            ("Custom error: 255", "BadRequest"),
            ("Custom error: 200", "Custom"),
        ] {
            let Answer::Refused(name, advice) = answer(&error(1010, data)) else { panic!("{data}") };
            assert_eq!(name, expected);
            assert!(!advice.is_empty());
        }
    }

    #[test]
    fn what_only_blocks_can_tell_is_kept_apart() {
        assert_eq!(answer(&error(1013, "(0x00)")), Answer::Known);
        assert_eq!(answer(&error(1012, "")), Answer::Known);
        assert_eq!(answer(&error(1010, "Transaction is outdated")), Answer::Outdated);
        assert_eq!(answer(&error(1010, "Transaction has an ancient birth block")), Answer::Outdated);
        assert!(
            matches!(answer(&error(1010, "Transaction has a bad signature")), Answer::Refused(name, _) if name == "BadProof")
        );
        assert!(matches!(answer(&error(-32601, "")), Answer::Other(_)));
    }

    #[test]
    fn a_code_beyond_a_byte_is_not_mistaken_for_another() {
        assert!(matches!(answer(&error(1010, "Custom error: 262")), Answer::Refused(name, _) if name == "Invalid"));
    }
}
