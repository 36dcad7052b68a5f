//! What a server can do, and what that is worth.

use std::fmt::{self, Display, Formatter};

/// Which server answers, as far as requests and answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The OpenAI API and nothing more.
    OpenAi,
    /// vLLM: ids by `return_token_ids`, prompts as ids, `/tokenize`.
    Vllm,
    /// SGLang: as vLLM in what is used here, with its own way to name a logits processor.
    Sglang,
    /// The server of llama.cpp: its own `/completion`, `/tokenize` and `/apply-template`.
    LlamaCpp,
}

/// What was found out about a server by asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Which server it is.
    pub dialect: Dialect,
    /// Longest sequence, prompt and answer.
    pub context: usize,
    /// Answers carry the ids of their tokens.
    pub token_ids: bool,
    /// Prompts are sent as ids, so that this miner knows them.
    pub prompt_ids: bool,
    /// It reports log probabilities.
    pub logprobs: bool,
    /// Temperature 0 gave the same ids twice.
    pub greedy: bool,
    /// Tokens follow from the seed: the seeded sampler is loaded and answers to it.
    pub seeded: bool,
}

/// What is paid for its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything: tokens follow from the seed at any temperature.
    Seeded,
    /// Answers at temperature 0: the largest logit can be checked without a seed. Others cannot be checked.
    GreedyOnly,
    /// Nothing, for this reason.
    Unpaid(Unpaid),
}

/// Why nothing is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpaid {
    /// There is nothing to check.
    NoTokenIds,
    /// The largest logit was not taken twice in a row.
    NotGreedy,
}

/// What a server with these capabilities is paid for.
#[must_use]
pub fn payable(capabilities: &Capabilities) -> Standing {
    let Capabilities { token_ids, prompt_ids, greedy, seeded, .. } = *capabilities;
    match (token_ids, seeded && prompt_ids, greedy) {
        (false, _, _) => Standing::Unpaid(Unpaid::NoTokenIds),
        (true, true, _) => Standing::Seeded,
        (true, false, true) => Standing::GreedyOnly,
        (true, false, false) => Standing::Unpaid(Unpaid::NotGreedy),
    }
}

impl Display for Dialect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI API",
            Self::Vllm => "vLLM",
            Self::Sglang => "SGLang",
            Self::LlamaCpp => "llama.cpp",
        })
    }
}

impl Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seeded => "paid at any temperature: tokens follow from the seed",
            Self::GreedyOnly => {
                "paid at temperature 0 alone: the seeded sampler is not loaded there (docs/serving.md says how)"
            }
            Self::Unpaid(Unpaid::NoTokenIds) => {
                "not paid: its answers carry no token ids, so nothing can be checked (docs/serving.md names servers that do)"
            }
            Self::Unpaid(Unpaid::NotGreedy) => {
                "not paid: it gave different tokens for the same prompt at temperature 0 (does something in between change \
                 the temperature, or do several models answer?)"
            }
        })
    }
}

impl Display for Capabilities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { dialect, context, token_ids, prompt_ids, logprobs, greedy, seeded } = self;
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        write!(
            f,
            "{dialect}, context {context}; token ids: {}, prompt as ids: {}, log probabilities: {}, greedy at \
             temperature 0: {}, seeded sampler: {}",
            yes(*token_ids),
            yes(*prompt_ids),
            yes(*logprobs),
            yes(*greedy),
            yes(*seeded)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_is_paid() {
        let of = |token_ids, prompt_ids, greedy, seeded| {
            payable(&Capabilities {
                dialect: Dialect::OpenAi,
                context: 1,
                token_ids,
                prompt_ids,
                logprobs: false,
                greedy,
                seeded,
            })
        };
        for prompt_ids in [false, true] {
            for greedy in [false, true] {
                for seeded in [false, true] {
                    assert_eq!(of(false, prompt_ids, greedy, seeded), Standing::Unpaid(Unpaid::NoTokenIds));
                }
            }
        }
        assert_eq!(of(true, true, true, true), Standing::Seeded);
        assert_eq!(of(true, true, false, true), Standing::Seeded);
        // Without the prompt's ids no seed can be derived.
        assert_eq!(of(true, false, true, true), Standing::GreedyOnly);
        assert_eq!(of(true, true, true, false), Standing::GreedyOnly);
        assert_eq!(of(true, false, true, false), Standing::GreedyOnly);
        assert_eq!(of(true, true, false, false), Standing::Unpaid(Unpaid::NotGreedy));
    }
}
