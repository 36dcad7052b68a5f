//! Texts that end an answer, found across the borders of its parts.

/// Holds back what may be the beginning of a stop text until that is decided.
#[derive(Clone, Debug)]
pub struct Stops {
    texts: Vec<String>,
    held: String,
}

// === impl Stops ===

impl Stops {
    /// Looks for these; empty ones are never found.
    #[must_use]
    pub fn new(texts: Vec<String>) -> Self {
        Self { texts: texts.into_iter().filter(|text| !text.is_empty()).collect(), held: String::new() }
    }

    /// Takes more of the answer: what can be shown of it, and whether a stop text came. The stop text and what is behind it
    /// are not shown; afterwards nothing more may be pushed.
    pub fn push(&mut self, text: &str) -> (String, bool) {
        if self.texts.is_empty() {
            return (text.to_owned(), false);
        }
        self.held.push_str(text);
        // The one that is complete first, so that it does not matter how the answer is cut.
        let found = self.texts.iter().filter_map(|stop| Some((self.held.find(stop.as_str())?, stop.len())));
        if let Some((start, _)) = found.min_by_key(|(start, length)| (start + length, *start)) {
            self.held.truncate(start);
            return (std::mem::take(&mut self.held), true);
        }
        let kept = self.held.split_off(self.held.len() - self.open());
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// What is left when the answer ends without a stop text.
    #[must_use]
    pub fn finish(self) -> String {
        self.held
    }

    /// Bytes at the end that begin a stop text.
    fn open(&self) -> usize {
        let longest = |stop: &String| {
            let most = self.held.len().min(stop.len() - 1);
            (1..=most).rev().find(|length| stop.is_char_boundary(*length) && self.held.ends_with(&stop[..*length]))
        };
        self.texts.iter().filter_map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], parts: &[&str]) -> (Vec<String>, bool) {
        let mut scanner = Stops::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut shown = Vec::new();
        for part in parts {
            let (text, stopped) = scanner.push(part);
            shown.push(text);
            if stopped {
                return (shown, true);
            }
        }
        shown.push(scanner.finish());
        (shown, false)
    }

    #[test]
    fn a_stop_text_is_found_across_parts_and_not_shown() {
        assert_eq!(run(&["END"], &["one E", "N", "D two"]), (vec!["one ".into(), "".into(), "".into()], true));
        assert_eq!(run(&["END"], &["one E", "x"]), (vec!["one ".into(), "Ex".into(), "".into()], false));
        assert_eq!(run(&["END"], &["one E"]), (vec!["one ".into(), "E".into()], false));
        assert_eq!(run(&["b", "ab"], &["xab"]), (vec!["x".into()], true), "the longer of those that end at once");
        assert_eq!(run(&["ü"], &["grün"]), (vec!["gr".into()], true));
        assert_eq!(run(&[], &["a"]), (vec!["a".into(), "".into()], false));
        assert_eq!(run(&[""], &["a"]), (vec!["a".into(), "".into()], false));
    }

    proptest! {
        #[test]
        fn parts_do_not_matter(text in "[abü]{0,24}", stops in prop::collection::vec("[abü]{1,3}", 0..3), cuts in prop::collection::vec(0usize..40, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)).collect();
            cuts.sort_unstable();
            let (mut parts, mut from) = (Vec::new(), 0);
            for cut in cuts { parts.push(&text[from..cut]); from = cut; }
            parts.push(&text[from..]);
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let (shown, stopped) = run(&stops, &parts);
            let first = stops.iter().filter_map(|stop| Some((text.find(stop)? + stop.len(), text.find(stop)?))).min();
            let first = first.map(|(_, start)| start);
            prop_assert_eq!(stopped, first.is_some());
            prop_assert_eq!(shown.concat(), &text[..first.unwrap_or(text.len())]);
        }
    }
}
