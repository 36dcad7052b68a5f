//! What the transaction pool answers, in words.

use subxt_rpcs::UserError;

use super::{Cause, ChainError};

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
    /// It has said why. The second is what it said, where the table has no name for it.
    Refused(Cause, Option<String>),
    /// No answer about the extrinsic at all.
    Other(String),
}

impl Answer {
    /// The error for an extrinsic that the pool did not take and no block holds.
    pub fn error(self, call: &str) -> ChainError {
        match self {
            Self::Refused(cause, words) => {
                let name = words.unwrap_or_else(|| cause.name().to_owned());
                ChainError::Refused { call: call.to_owned(), name, cause }
            }
            Self::Other(message) => ChainError::Node { doing: "submitting an extrinsic", message },
        }
    }

    /// Whether only blocks can tell what became of the extrinsic: the pool has it, or has seen its number used.
    pub const fn is_for_blocks(&self) -> bool {
        use Cause::{AlreadyImported, AncientBirthBlock, Future, PriorityTooLow, Stale, TemporarilyBanned};
        matches!(
            self,
            Self::Refused(AlreadyImported | TemporarilyBanned | Stale | AncientBirthBlock | Future | PriorityTooLow, _)
        )
    }
}

/// Reads a node's error.
pub fn answer(error: &UserError) -> Answer {
    let data = error.data.as_ref().map_or("", |data| data.get()).trim_matches('"');
    let cause = match error.code {
        code::KNOWN => Cause::AlreadyImported,
        code::BANNED => Cause::TemporarilyBanned,
        code::PRIORITY => Cause::PriorityTooLow,
        code::FULL => Cause::PoolFull,
        code::INVALID => custom(data).map_or_else(|| Cause::of_text(data), Cause::of_custom),
        _ => return Answer::Other(format!("{} ({}) {data}", error.message, error.code).trim().to_owned()),
    };
    let unknown = cause == Cause::Unknown;
    Answer::Refused(cause, unknown.then(|| format!("{data:?}").chars().take(MAX_WORDS).collect()))
}

/// More of a node's words is nothing that an operator reads.
const MAX_WORDS: usize = 200;

/// The number in `Custom error: 6` or `{"Custom":6}`.
fn custom(data: &str) -> Option<u8> {
    let rest = data.split_once("Custom")?.1;
    let digits: String = rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
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
            ("Custom error: 6", Cause::RateLimitExceeded),
            ("Custom error: 10", Cause::HotKeyNotRegisteredInNetwork),
            ("{\"Custom\":12}", Cause::ServingRateLimitExceeded),
            ("Custom error: 255", Cause::BadRequest),
        ] {
            assert_eq!(answer(&error(1010, data)), Answer::Refused(expected, None));
        }
    }

    #[test]
    fn what_the_table_does_not_know_is_quoted() {
        for data in ["Custom error: 200", "Custom error: 262", "something else"] {
            let Answer::Refused(Cause::Unknown, Some(words)) = answer(&error(1010, data)) else { panic!("{data}") };
            assert!(words.contains(data), "{words}");
        }
        let Answer::Refused(_, Some(words)) = answer(&error(1010, &"x".repeat(10_000))) else { panic!("too long") };
        assert_eq!(words.len(), MAX_WORDS);
    }

    #[test]
    fn what_only_blocks_can_tell_is_kept_apart() {
        for (code, data) in [
            (1013, "(0x00)"),
            (1012, ""),
            (1014, ""),
            (1010, "Transaction is outdated"),
            (1010, "Transaction has an ancient birth block"),
        ] {
            assert!(answer(&error(code, data)).is_for_blocks(), "{code} {data}");
        }
        for (code, data) in [(1010, "Transaction has a bad signature"), (1010, "Custom error: 6"), (-32601, "")] {
            assert!(!answer(&error(code, data)).is_for_blocks(), "{code} {data}");
        }
        assert!(matches!(answer(&error(-32601, "")), Answer::Other(_)));
    }
}
