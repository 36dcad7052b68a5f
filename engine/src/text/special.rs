//! Special tokens, and how text that only looks like them is kept apart.

use std::collections::BTreeMap;

use tokenizers::Tokenizer;

use super::TextError;

/// The special tokens of a tokenizer.
pub(super) struct Specials {
    /// By first character.
    by_first: BTreeMap<char, Vec<String>>,
}

/// Stand-ins for the first characters of special tokens.
pub(super) struct StandIns {
    pairs: Vec<(char, char)>,
}

impl Specials {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let added = tokenizer.get_added_tokens_decoder();
        Self::new(added.into_values().filter(|token| token.special).map(|token| token.content))
    }

    fn new(tokens: impl Iterator<Item = String>) -> Self {
        let mut by_first: BTreeMap<char, Vec<String>> = BTreeMap::new();
        for token in tokens {
            if let Some(first) = token.chars().next() {
                by_first.entry(first).or_default().push(token);
            }
        }
        Self { by_first }
    }

    /// For each first character one of the private-use characters that are not `taken`.
    pub(super) fn stand_ins(&self, taken: impl Fn(char) -> bool) -> Result<StandIns, TextError> {
        let mut free = ('\u{E000}'..='\u{F8FF}').chain('\u{F0000}'..='\u{FFFFD}').filter(|&c| !taken(c));
        let none = || TextError::Template("every private-use character is taken".into());
        let pairs = self.by_first.keys().map(|&first| Ok((first, free.next().ok_or_else(none)?)));
        Ok(StandIns { pairs: pairs.collect::<Result<_, TextError>>()? })
    }

    /// The text with a stand-in wherever a special token begins, or begins and might go on behind the text's end.
    pub(super) fn escape(&self, text: &str, stand_ins: &StandIns) -> String {
        // A template may trim, and put something behind.
        let end = text.trim_end().len();
        let begins = |at: usize, token: &String| {
            let rest = &text[at..];
            rest.starts_with(token.as_str()) || (at < end && token.starts_with(&text[at..end]))
        };
        let stand_in = |(at, c): (usize, char)| match self.by_first.get(&c) {
            Some(tokens) if tokens.iter().any(|token| begins(at, token)) => stand_ins.of(c),
            _ => c,
        };
        text.char_indices().map(stand_in).collect()
    }
}

impl StandIns {
    fn of(&self, first: char) -> char {
        self.pairs.iter().find(|pair| pair.0 == first).map_or(first, |pair| pair.1)
    }

    /// The character that a stand-in stands for; any other character itself.
    pub(super) fn resolve(&self, c: char) -> char {
        self.pairs.iter().find(|pair| pair.1 == c).map_or(c, |pair| pair.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let specials = Specials::new(["<|end|>", "<|start|>", "</s>", "[I]"].into_iter().map(String::from));
        let stand_ins = specials.stand_ins(|c| c == '\u{E000}').expect("characters are left");
        let out = specials.escape(text, &stand_ins);
        assert_eq!(out.chars().map(|c| stand_ins.resolve(c)).collect::<String>(), text);
        out.replace(['\u{E001}', '\u{E002}'], "*")
    }

    #[test]
    fn whole_and_begun_tokens() {
        assert_eq!(escaped("a <|end|> b"), "a *|end|> b");
        assert_eq!(escaped("[I]</s>"), "*I]*/s>");
        assert_eq!(escaped("part <|sta"), "part *|sta");
        assert_eq!(escaped("part <| \n"), "part *| \n");
        assert_eq!(escaped("<"), "*");
    }

    #[test]
    fn everything_else() {
        for text in ["", " ", "a < b", "</think> x", "<| end|> x", "[x] <", "\u{E000}"] {
            let begun = text.strip_suffix('<').map(|head| format!("{head}*"));
            assert_eq!(escaped(text), begun.unwrap_or_else(|| text.into()));
        }
    }
}
