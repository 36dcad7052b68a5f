//! Ranges of temperatures that are judged by limits of their own: the same noise shows more where little is left to chance.

/// A range, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temperatures {
    /// The lowest of it.
    pub from: u32,
    /// The first above it.
    pub to: u32,
}

/// All that is paid: colder answers leave too little to chance to show anything.
pub const STRATA: [Temperatures; 3] =
    [Temperatures { from: 500, to: 800 }, Temperatures { from: 800, to: 1201 }, Temperatures { from: 1201, to: 2001 }];

impl Temperatures {
    /// Where a temperature belongs.
    #[must_use]
    pub fn of(temperature: f32) -> Option<usize> {
        let thousandths = thousandths(temperature);
        STRATA.iter().position(|range| (range.from..range.to).contains(&thousandths))
    }
}

impl std::fmt::Display for Temperatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (f64::from(self.from) / 1000.0, f64::from(self.to - 1) / 1000.0);
        f.pad(&format!("{from} to {to}"))
    }
}

/// A temperature as tables count it.
#[must_use]
pub fn thousandths(temperature: f32) -> u32 {
    (f64::from(temperature) * 1000.0).round() as u32
}
