//! Amounts of TAO as people type and read them.

use std::fmt;
use std::str::FromStr;

use incentive::units::Rao;

/// Rao in a TAO.
const RAO: u64 = 1_000_000_000;

/// An amount, typed and shown in TAO with up to nine decimals and held in rao.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tao(pub Rao);

/// A text that is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount of TAO; give a number with at most nine decimals, such as 0.25")]
pub struct NotTao;

impl FromStr for Tao {
    type Err = NotTao;

    fn from_str(text: &str) -> Result<Self, NotTao> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let number = |digits: &str| {
            let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if good { digits.parse::<u64>().map_err(|_| NotTao) } else { Err(NotTao) }
        };
        if !(1..=9).contains(&decimals.len()) {
            return Err(NotTao);
        }
        let (whole, decimals) = (number(whole)?, number(&format!("{decimals:0<9}"))?);
        let rao = whole.checked_mul(RAO).and_then(|whole| whole.checked_add(decimals)).ok_or(NotTao)?;
        Ok(Self(Rao(rao)))
    }
}

impl fmt::Display for Tao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} TAO", decimal(self.0))
    }
}

/// An amount in whole units with as many decimals as it has; of TAO, or of a subnet's alpha.
#[must_use]
pub fn decimal(amount: Rao) -> String {
    let (whole, rest) = (amount.get() / RAO, amount.get() % RAO);
    let text = format!("{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        for (text, rao, shown) in [
            ("0.5", 500_000_000, "0.5 TAO"),
            ("10", 10_000_000_000, "10 TAO"),
            ("100.000000001", 100_000_000_001, "100.000000001 TAO"),
            ("0", 0, "0 TAO"),
            ("18446744073.709551615", u64::MAX, "18446744073.709551615 TAO"),
        ] {
            let tao: Tao = text.parse().unwrap();
            assert_eq!((tao.0, tao.to_string().as_str()), (Rao(rao), shown));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e9", "1,5", "0.0000000001", "18446744073.709551616", "1.5.2", " 1"]
        {
            assert_eq!(text.parse::<Tao>(), Err(NotTao), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_amount_survives_being_shown(rao in any::<u64>()) {
            prop_assert_eq!(decimal(Rao(rao)).parse::<Tao>(), Ok(Tao(Rao(rao))));
        }
    }
}
