//! Text for probes: sentences of recorded texts, put together anew.
//!
//! A new text begins and ends as one recorded text does, which keeps its form (a question at the end, `Context:` before it). Between them
//! stand some of its own sentences, as many of others that have words in common with what the request says already: people stay
//! with a subject, and say nothing twice. What has no middle, one or two sentences, is taken as it was recorded: short texts repeat
//! among users, too.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use rand_chacha::rand_core::RngCore;

/// Texts of the same length that one may stand for.
const NEIGHBOURS: usize = 8;
/// Of so many, drawn, the nearest in subject begins and ends a text. More would prefer texts on everything.
const FRAMES: usize = 2;
/// The same for those that give sentences to its middle.
const DONORS: usize = 8;
/// Draws without a new sentence, after which some may come again.
const IDLE: usize = 8;
/// Longest sentence, in bytes; lines without an end are cut there, at a space.
const SENTENCE: usize = 600;
/// Shorter words say nothing about a subject.
const WORD: usize = 4;

/// A number below `end`, which is not 0. The bias of the modulus is below 2^-32.
pub(super) fn below(rng: &mut impl RngCore, end: usize) -> usize {
    (rng.next_u64() % end.max(1) as u64) as usize
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    /// The prompt of `/v1/completions`.
    Prompt,
}

/// Recorded texts, by length.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    recorded: Vec<Recorded>,
}

/// What a request has said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Theme {
    words: HashSet<u64>,
    /// Ordered, so that the same draws forget the same.
    said: BTreeSet<u64>,
}

#[derive(Clone, Debug)]
struct Recorded {
    role: Role,
    chars: usize,
    text: String,
    /// One after the other, each with the white space behind it.
    sentences: Vec<Range<usize>>,
    /// What each sentence is, without the white space.
    keys: Vec<u64>,
    words: Vec<u64>,
}

impl Texts {
    pub fn new(recorded: impl IntoIterator<Item = (Role, String)>) -> Self {
        let mut texts = Self::default();
        texts.add(recorded);
        texts
    }

    pub fn add(&mut self, recorded: impl IntoIterator<Item = (Role, String)>) {
        self.recorded.extend(recorded.into_iter().filter_map(|(role, text)| Recorded::new(role, text)));
        self.recorded.sort_by_key(|one| one.chars);
    }

    /// Whether new texts of this role can be made: they should not all be alike.
    pub fn suffice(&self, role: Role, least: usize) -> bool {
        self.recorded.iter().filter(|one| one.role == role).nth(least.saturating_sub(1)).is_some()
    }

    /// A new text of about so many characters.
    pub fn fresh(&self, role: Role, chars: usize, theme: &mut Theme, rng: &mut impl RngCore) -> String {
        let near = self.around(role, chars, 1);
        let Some(frame) = pick(&near, FRAMES, theme, rng, |one| one.edges().all(|key| !theme.said.contains(key)))
        else {
            return String::new();
        };
        if frame.sentences.len() > 2 {
            return self.filled(frame, chars, theme, rng);
        }
        theme.say(frame.edges());
        theme.words.extend(&frame.words);
        frame.text.clone()
    }

    /// The first and the last sentence of `frame`, and others between them, until one more would lead further away from the length
    /// that is wanted.
    fn filled(&self, frame: &Recorded, chars: usize, theme: &mut Theme, rng: &mut impl RngCore) -> String {
        let (first, last) = (frame.sentence(0), frame.sentence(frame.sentences.len() - 1));
        theme.words.extend(words(first).chain(words(last)));
        theme.say(frame.edges());
        let others = self.around(frame.role, frame.chars, 3);
        let (mut text, mut length, mut idle) = (first.to_owned(), first.chars().count() + last.chars().count(), 0);
        while length < chars {
            let donor = if rng.next_u32().is_multiple_of(2) {
                Some(frame)
            } else {
                pick(&others, DONORS, theme, rng, |one| one.inner().any(|index| !theme.said.contains(&one.keys[index])))
            };
            let donor = donor.unwrap_or(frame);
            let begin = below(rng, donor.inner().len());
            idle += 1;
            for index in donor.inner().skip(begin).take(1 + below(rng, 3)) {
                let sentence = donor.sentence(index);
                let longer = length + sentence.chars().count();
                if longer.abs_diff(chars) >= length.abs_diff(chars) {
                    return text + last;
                }
                if theme.said.insert(donor.keys[index]) {
                    text.push_str(sentence);
                    (length, idle) = (longer, 0);
                }
            }
            if idle == IDLE {
                // All is said: from here on, texts repeat themselves.
                theme.said.retain(|_| !rng.next_u32().is_multiple_of(4));
                idle = 0;
            }
        }
        text + last
    }

    /// Texts of a role with at least so many sentences, and of about this length; of any role where there are none.
    fn around(&self, role: Role, chars: usize, sentences: usize) -> Vec<&Recorded> {
        let long: Vec<_> = self.recorded.iter().filter(|one| one.sentences.len() >= sentences).collect();
        let own: Vec<_> = long.iter().copied().filter(|one| one.role == role).collect();
        let own = if own.is_empty() { long } else { own };
        let at = own.partition_point(|one| one.chars < chars);
        let wide = (own.len() / 20).max(NEIGHBOURS);
        let begin = at.saturating_sub(wide).min(own.len().saturating_sub(2 * wide));
        own[begin..(at + wide).max(2 * wide).min(own.len())].to_vec()
    }
}

/// Of so many texts, drawn, the one with the largest part of its words in the request already, if some of them are fresh; else any
/// that is, else any.
fn pick<'a>(
    among: &[&'a Recorded],
    count: usize,
    theme: &Theme,
    rng: &mut impl RngCore,
    fresh: impl Fn(&Recorded) -> bool,
) -> Option<&'a Recorded> {
    let drawn: Vec<_> = (0..count).filter_map(|_| among.get(below(rng, among.len())).copied()).collect();
    let nearest = drawn.iter().copied().filter(|one| fresh(one)).max_by_key(|one| theme.nearness(one));
    nearest.or_else(|| {
        let rest: Vec<_> = among.iter().copied().filter(|one| fresh(one)).collect();
        rest.get(below(rng, rest.len())).copied().or_else(|| drawn.first().copied())
    })
}

impl Recorded {
    fn new(role: Role, text: String) -> Option<Self> {
        let sentences = sentences(&text);
        let keys = sentences.iter().map(|range| hash(text[range.clone()].trim())).collect();
        let words: HashSet<_> = words(&text).collect();
        let chars = text.chars().count();
        (!sentences.is_empty()).then(|| Self { role, chars, sentences, keys, words: words.into_iter().collect(), text })
    }

    fn sentence(&self, index: usize) -> &str {
        &self.text[self.sentences[index].clone()]
    }

    /// What is kept of it: the first and the last sentence.
    fn edges(&self) -> impl Iterator<Item = &u64> {
        self.keys.first().into_iter().chain(self.keys.last())
    }

    /// The sentences between them.
    fn inner(&self) -> Range<usize> {
        1..self.sentences.len().max(2) - 1
    }
}

impl Theme {
    fn say<'a>(&mut self, keys: impl Iterator<Item = &'a u64>) {
        self.said.extend(keys);
    }

    /// Words in common, in thousandths of the text's own.
    fn nearness(&self, text: &Recorded) -> usize {
        text.words.iter().filter(|word| self.words.contains(word)).count() * 1000 / text.words.len().max(1)
    }
}

/// Where sentences lie: each ends behind its mark and the white space after it.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut begin, mut ended) = (0, false);
    for (at, character) in text.char_indices() {
        let space = character.is_whitespace();
        if ended && !space || at - begin >= SENTENCE && space {
            found.push(begin..at);
            begin = at;
        }
        let mark = matches!(character, '。' | '！' | '？' | '\n');
        let before = text[..at].chars().next_back();
        ended = mark || space && (ended || before.is_some_and(|before| matches!(before, '.' | '?' | '!' | ':')));
    }
    if begin < text.len() {
        found.push(begin..text.len());
    }
    found
}

fn words(text: &str) -> impl Iterator<Item = u64> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.len() >= WORD)
        .map(|word| hash(&word.to_lowercase()))
}

/// FNV-1a: equal texts have equal numbers, on every machine and in every run.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_behind_their_mark_and_the_space_after_it() {
        for (text, expected) in [
            ("One. Two? Three!", vec!["One. ", "Two? ", "Three!"]),
            ("Version 3.11 is fine.", vec!["Version 3.11 is fine."]),
            ("Context:\nA line\n\nQuestion: why?", vec!["Context:\n", "A line\n\n", "Question: ", "why?"]),
            ("什么？好。", vec!["什么？", "好。"]),
            ("", vec![]),
        ] {
            let found: Vec<_> = sentences(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn sentences_are_the_whole_text(text in "[a-z。.?!:\n é🦀]{0,900}") {
            let ranges = sentences(&text);
            let joined: String = ranges.iter().map(|range| &text[range.clone()]).collect();
            prop_assert_eq!(joined, text);
            prop_assert!(ranges.iter().all(|range| !range.is_empty()));
        }
    }
}
