//! Answers of miners, honest and not, over the miner's own HTTP: every cheat gets the fault that it deserves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use engine::model::{LoadOptions, load};
use engine::synthetic::{self, Precision, Recipe};
use futures_util::future::try_join_all;
use incentive::inference::deadline_us;
use incentive::policy::ModelPolicy;
use incentive::task::ModelDigest;
use incentive::units::{Hotkey, NetUid};
use incentive::verdict::Fault;
use localnet::up::{Fate, Field};
use miner::inference::Identity;
use miner::inference::backend::Backend;
use miner::inference::config::LocalModel;
use neuron_common::keystore::Keypair;
use proof::fingerprint::{Distance, Fingerprint};
use proof::inference::Params;
use tempfile::TempDir;
use tests::caller::Caller;
use tests::cheats::Kind;
use tests::cheats::inference::{Model, Picky, backend, filler, provider, relay};
use tests::examiner::{Examiner, Margins, Question, Talk};
use tests::host::Host;

const GENESIS: [u8; 32] = [9; 32];
const NETUID: NetUid = NetUid(3);
const OWN: Hotkey = Hotkey([7; 32]);
const OTHER: Hotkey = Hotkey([8; 32]);
const IDENTITY: Identity = Identity { genesis: GENESIS, netuid: NETUID, own: OWN };
/// Tokens of an answer.
const TOKENS: usize = 48;

/// A model, and who asks for it.
struct Bench {
    local: LocalModel,
    examiner: Examiner,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny");
        synthetic::tiny(&path, Recipe { seed: 0, precision: Precision::F32 }).unwrap();
        let caller = Caller::new(Keypair::from_uri("//Alice").unwrap()).unwrap();
        let examiner = Examiner::new(caller, GENESIS, NETUID, policy(&path), &path).unwrap();
        let local = LocalModel { slots: 4, context: Some(512), ..LocalModel::new("tiny", path) };
        Self { local, examiner, _folder: folder }
    }

    fn model(&self) -> Model {
        Model::new(&self.local, IDENTITY)
    }

    async fn talks(&self, backend: Arc<dyn Backend>, questions: &[Question]) -> Result<Vec<Talk>> {
        let host = Host::start(vec![(backend, self.local.slots)], IDENTITY, self.examiner.hotkey()).await?;
        let asked = questions
            .iter()
            .map(async |question| anyhow::Ok((question.clone(), self.examiner.ask(&host.miner, question).await?)));
        try_join_all(asked).await
    }

    async fn fault(&self, backend: Arc<dyn Backend>, questions: &[Question]) -> Option<Fault> {
        let talks = self.talks(backend, questions).await.unwrap();
        self.examiner.judge(&OWN, &talks).unwrap()
    }
}

/// Deadlines that a test beside many others keeps.
fn policy(path: &Path) -> ModelPolicy {
    let digest = load(path, &LoadOptions::default()).unwrap().decoder.info().digest;
    ModelPolicy {
        id: "tiny".to_owned(),
        digest: ModelDigest(digest),
        share: 500,
        first_ms: 3_000,
        prompt_us: 0,
        token_us: 10_000,
        fastest_us: 1,
        fingerprint: true,
    }
}

/// Eight questions, each unlike the others.
fn questions(temperature: f32) -> Vec<Question> {
    let params = Params { temperature, ..Params::GREEDY };
    let question = |number: u8| Question {
        words: format!("In the year {number} of this era, what did the {}th miller say about his wheel?", number * 7),
        params,
        max_tokens: TOKENS,
        nonce: [number; 32],
        fingerprint: false,
    };
    (1..9).map(question).collect()
}

/// What all blocks of these answers come to, the smallest and the largest.
fn range(bench: &Bench, talks: &[Talk]) -> (f32, f32) {
    let mut margins = Margins::default();
    for talk in talks {
        margins.take(talk.0.params.temperature, &bench.examiner.check(&OWN, talk, false).unwrap().tokens);
    }
    let blocks = margins.blocks();
    (blocks.iter().copied().fold(f32::MAX, f32::min), blocks.iter().copied().fold(0.0, f32::max))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_miner_passes_whatever_it_is_asked() {
    let bench = Bench::new();
    for temperature in [0.5, 1.0, 1.7] {
        assert_eq!(bench.fault(bench.model().honest().unwrap(), &questions(temperature)).await, None, "{temperature}");
    }
    let cut: Vec<Question> = questions(1.0)
        .into_iter()
        .map(|question| {
            let params = Params { top_k: 40, top_p: 0.9, presence_penalty: 0.5, ..question.params };
            Question { params, ..question }
        })
        .collect();
    assert_eq!(bench.fault(bench.model().honest().unwrap(), &cut).await, None, "cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cheat_gets_the_fault_that_it_deserves() {
    let bench = Bench::new();
    let hold = Duration::from_micros(deadline_us(bench.examiner.policy(), 512, TOKENS as u32));
    let mut wrong = Vec::new();
    for kind in Kind::of(Field::Inference) {
        let talks = bench.talks(backend(kind, hold, &bench.local, IDENTITY).unwrap(), &questions(1.0)).await.unwrap();
        let fault = bench.examiner.judge(&OWN, &talks).unwrap();
        println!("{}: {fault:?}, blocks {:?}", kind.name(), range(&bench, &talks));
        let Fate::Caught(deserved) = kind.fate() else { panic!("{kind:?} earns") };
        if fault.is_none_or(|fault| !deserved.contains(&fault)) {
            wrong.push((kind, fault));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The distances of the fingerprints of these answers from the states that the checker computes, one for each chunk.
fn distances(bench: &Bench, talks: &[Talk]) -> Vec<Distance> {
    let of_one = |talk: &Talk| {
        let checked = bench.examiner.check(&OWN, talk, true).unwrap();
        let claimed: Vec<_> = talk.1.fingerprints.iter().map(|print| fingerprint(print)).collect();
        proof::fingerprint::distances(&claimed, &checked.hidden, bench.examiner.hidden(), true).unwrap()
    };
    talks.iter().flat_map(of_one).collect()
}

fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::from_bytes(&base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_alone_does_not_catch_who_reads_what_another_wrote() {
    let bench = Bench::new();
    let asked: Vec<Question> =
        questions(1.0).into_iter().map(|question| Question { fingerprint: true, ..question }).collect();
    let talks = async |kind: Kind| {
        let backend = backend(kind, Duration::ZERO, &bench.local, IDENTITY).unwrap();
        bench.talks(backend, &asked).await.unwrap()
    };
    let exact = |distance: &Distance| distance.within(0, 0, 0);
    let reader = talks(Kind::PrefillOnly).await;
    let found = distances(&bench, &reader);
    assert!(found.len() >= asked.len() && found.iter().all(exact), "its fingerprints are true: {found:?}");
    assert_eq!(bench.examiner.judge(&OWN, &reader).unwrap(), Some(Fault::WrongTokens), "its tokens are not");
    // That of the small model's own activations would have been seen.
    assert!(!distances(&bench, &talks(Kind::SmallerModel).await).iter().any(exact));
    // Nor would it have seen the temperature, of which the tokens tell.
    assert!(distances(&bench, &talks(Kind::Temperature).await).iter().all(exact));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_answered_is_worth_nothing() {
    let bench = Bench::new();
    let relayed = relay(&bench.model(), OTHER).unwrap();
    let talks = bench.talks(relayed, &questions(1.0)).await.unwrap();
    assert_eq!(bench.examiner.judge(&OWN, &talks).unwrap(), Some(Fault::WrongTokens));
    // The answers are honest ones, only not this miner's.
    for talk in &talks {
        let checked = bench.examiner.check(&OTHER, talk, false).unwrap();
        assert!(checked.tokens.iter().all(|token| token.margin.is_some_and(|margin| margin < 0.01)));
    }
    assert_eq!(bench.fault(provider(&bench.model()).unwrap(), &questions(1.0)).await, Some(Fault::WrongTokens));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_sent_before_they_were_computed_are_found() {
    let bench = Bench::new();
    for count in [1, 8] {
        let talks = bench.talks(filler(&bench.model(), count).unwrap(), &questions(1.0)).await.unwrap();
        println!("filler {count}: blocks {:?}", range(&bench, &talks));
        assert_eq!(bench.examiner.judge(&OWN, &talks).unwrap(), Some(Fault::WrongTokens), "{count}");
        assert!(talks.iter().all(|(_, heard)| heard.tokens.len() == TOKENS || heard.finish.as_deref() == Some("stop")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_are_not_answered_count_against_a_miner() {
    let bench = Bench::new();
    let mut asked = questions(1.0);
    for question in &mut asked[..4] {
        question.max_tokens = 8;
    }
    let picky = || Arc::new(Picky::new(bench.model().honest().unwrap(), 8));
    assert_eq!(bench.fault(picky(), &asked).await, Some(Fault::NoAnswer));
    assert_eq!(bench.fault(picky(), &asked[..4]).await, None, "what it likes it answers well");
}
