//! Ends an answer at a stop text.

/// Lets text through up to the first stop text. What may be the beginning of one is held back.
#[derive(Clone, Debug)]
pub struct StopFilter {
    stops: Vec<String>,
    held: String,
}

/// What came through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Text that belongs to the answer.
    pub text: String,
    /// Whether a stop text followed: the answer is complete.
    pub stopped: bool,
}

impl StopFilter {
    /// For these stop texts; empty ones stop nothing.
    pub fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    /// Takes the next piece. Nothing comes through after a stop text.
    pub fn push(&mut self, piece: &str) -> Cut {
        self.held += piece;
        let begun = self.begun();
        match self.found() {
            // A longer stop text that begins earlier may still come true, and the earlier one counts.
            Some(at) if at <= begun => self.cut(at),
            _ => Cut { text: self.held.drain(..begun).collect(), stopped: false },
        }
    }

    /// What was held back, when no more text comes.
    pub fn finish(mut self) -> Cut {
        match self.found() {
            Some(at) => self.cut(at),
            None => Cut { text: self.held, stopped: false },
        }
    }

    fn cut(&mut self, at: usize) -> Cut {
        self.held.truncate(at);
        Cut { text: std::mem::take(&mut self.held), stopped: true }
    }

    /// Where the first stop text begins.
    fn found(&self) -> Option<usize> {
        self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min()
    }

    /// The first place from where on the text is the beginning of a stop text, or its end.
    fn begun(&self) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(1);
        let from = (self.held.len() + 1).saturating_sub(longest);
        let is_begun = |at: &usize| {
            let rest = &self.held.as_bytes()[*at..];
            self.stops.iter().any(|stop| rest.len() < stop.len() && stop.as_bytes().starts_with(rest))
        };
        (from..self.held.len()).find(is_begun).unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The whole text at once.
    fn naive(text: &str, stops: &[String]) -> (String, bool) {
        match stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min() {
            Some(at) => (text[..at].into(), true),
            None => (text.into(), false),
        }
    }

    fn streamed(pieces: &[String], stops: &[String]) -> (String, bool) {
        let mut filter = StopFilter::new(stops.to_vec());
        let mut shown = String::new();
        for piece in pieces {
            let cut = filter.push(piece);
            shown += &cut.text;
            if cut.stopped {
                return (shown, true);
            }
        }
        let cut = filter.finish();
        (shown + &cut.text, cut.stopped)
    }

    proptest! {
        #[test]
        fn equals_the_search_over_the_whole(
            pieces in prop::collection::vec("[abü]{0,3}", 0..30),
            stops in prop::collection::vec("[abü]{0,5}", 0..4),
        ) {
            prop_assert_eq!(streamed(&pieces, &stops), naive(&pieces.concat(), &stops));
        }

        /// What does not look like a stop text passes at once.
        #[test]
        fn holds_no_more_than_it_must(pieces in prop::collection::vec("[abü]{1,3}", 1..30), stop in "[ab]{1,5}") {
            let mut filter = StopFilter::new([stop.clone()]);
            let (mut came, mut shown) = (String::new(), String::new());
            for piece in &pieces {
                came += piece;
                let cut = filter.push(piece);
                shown += &cut.text;
                if cut.stopped {
                    break;
                }
                let held = &came[shown.len()..];
                prop_assert!(held.len() < stop.len() && stop.starts_with(held));
            }
        }
    }

    #[test]
    fn the_earlier_of_two_counts() {
        let stops = ["abcd".to_string(), "bc".to_string()];
        let mut filter = StopFilter::new(stops.clone());
        assert_eq!(filter.push("xabc"), Cut { text: "x".into(), stopped: false }, "it may become abcd");
        assert_eq!(filter.push("d"), Cut { text: String::new(), stopped: true });
        let mut filter = StopFilter::new(stops);
        filter.push("xabc");
        assert_eq!(filter.push("e"), Cut { text: "a".into(), stopped: true });
    }
}
