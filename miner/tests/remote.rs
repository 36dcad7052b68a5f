//! The engine that is another server: against real ones, and against one that means harm.

mod remote {
    mod hostile;
    mod llama;
    mod process;

    use engine::generation::Finish;
    use incentive::units::Hotkey;
    use miner::inference::backend::{BackendError, Completion, Delta, Deltas, Logprob, Prompt};

    /// At temperature 0, so many tokens.
    fn greedy(prompt: Prompt, max_tokens: usize) -> Completion {
        Completion {
            prompt,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            max_tokens: Some(max_tokens),
            stop: Vec::new(),
            ignore_eos: true,
            logprobs: None,
            fingerprint: false,
            caller: Hotkey([0; 32]),
            nonce: [0; 32],
        }
    }

    /// A whole answer.
    #[derive(Debug, Default)]
    struct Answer {
        prompt_ids: Vec<u32>,
        text: String,
        tokens: Vec<engine::generation::Token>,
        logprobs: Vec<Logprob>,
        end: Option<(Finish, usize)>,
    }

    impl Answer {
        fn ids(&self) -> Vec<u32> {
            self.tokens.iter().map(|token| token.id).collect()
        }
    }

    async fn collect(deltas: &mut Deltas) -> Result<Answer, BackendError> {
        let mut answer = Answer::default();
        while let Some(delta) = deltas.recv().await {
            match delta? {
                Delta::Begin { prompt_ids, .. } => answer.prompt_ids = prompt_ids,
                Delta::Text { text, tokens, logprobs } => {
                    answer.logprobs.extend(logprobs);
                    answer.text += &text;
                    answer.tokens.extend(tokens);
                }
                Delta::Fingerprint(_) => panic!("no server has states"),
                Delta::End { finish, tokens } => answer.end = Some((finish, tokens)),
            }
        }
        Ok(answer)
    }
}
