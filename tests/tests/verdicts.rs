//! What the validator proper says of answers, honest and not, that came over the miner's own HTTP: its window, its form of
//! answers, its checks and its table, without a chain.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::model::Decoder;
use engine::synthetic::{self, Precision, Recipe};
use incentive::evidence::Table;
use incentive::policy::{InferencePolicy, Policy};
use incentive::units::{Block, Hotkey, NetUid, Registration, Uid};
use incentive::verdict::{Fault, Verdict};
use localnet::up::{Fate, Field, TABLE, policy};
use miner::inference::Identity;
use miner::inference::backend::Backend;
use miner::inference::config::LocalModel;
use neuron_common::keystore::Keypair;
use tests::cheats::Kind;
use tests::cheats::inference::{Model as Cheat, backend, filler, provider, relay};
use tests::host::Host;
use validator::config::{CopyConfig, InferenceConfig};
use validator::dispatch::Target;
use validator::inference::audit::{Asker, examine};
use validator::inference::bank::Bank;
use validator::inference::cases::{Case, look_at_forms, outcomes};
use validator::inference::memory::Memory;
use validator::inference::models::{self, LocalCopy, Model};
use validator::inference::traffic::Traffic;
use validator::inference::window::{self, Lane};

const OTHER: Hotkey = Hotkey([99; 32]);
/// Requests that are made for each miner before the window.
const READY: usize = 40;
/// `burst` keeps its answers back for longer than the last of its tokens may take.
const HOLD: Duration = Duration::from_millis(1_650);

/// A validator with its copy of the model.
struct Bench {
    key: Arc<Keypair>,
    policy: InferencePolicy,
    model: Arc<Model>,
    decoder: Box<dyn Decoder>,
    bank: Arc<Bank>,
    asker: Asker,
}

/// Who answers, and what that deserves; nothing is an accepted answer.
type Player = (String, Arc<dyn Backend>, &'static [Fault]);

impl Bench {
    fn new(folder: &Path) -> Self {
        let (path, table) = (folder.join("tiny"), folder.join("tiny.table.json"));
        synthetic::tiny(&path, Recipe { seed: 0, precision: Precision::F32 }).unwrap();
        std::fs::write(&table, TABLE).unwrap();
        let Policy { inference, .. } = policy(serde_json::from_str::<Table>(TABLE).unwrap().model);
        let policy = inference.unwrap();
        let copy = CopyConfig { path, table, precision: None };
        let config = InferenceConfig { models: vec![copy], threads: 1, ..InferenceConfig::default() };
        let (mut copies, problems) = models::load(&config, &policy);
        assert!(problems.is_empty(), "the table in localnet/src/up is of another model or checker: {problems:?}");
        let LocalCopy { model, decoder } = copies.pop().unwrap();
        let model = Arc::new(model);
        let traffic = Arc::new(Traffic::built_in().unwrap());
        let bank = Arc::new(Bank::new(Arc::clone(&model), &traffic, policy.answer_tokens).unwrap());
        bank.fill(20 * READY, || true);
        let key = Arc::new(Keypair::from_uri("//Alice").unwrap());
        let asker = Asker { genesis: [9; 32], netuid: NetUid(3), own: key.hotkey() };
        Self { key, policy, model, decoder, bank, asker }
    }

    fn identity(&self, number: u8) -> Identity {
        Identity { genesis: self.asker.genesis, netuid: self.asker.netuid, own: Hotkey([number + 1; 32]) }
    }

    /// One window with all of them at once.
    async fn window(&mut self, players: &[Player]) -> Vec<Verdict> {
        let (mut hosts, mut lanes) = (Vec::new(), Vec::new());
        for (number, (_, backend, _)) in (0..).zip(players) {
            let identity = self.identity(number);
            let host = Host::start(vec![(Arc::clone(backend), 16)], identity, self.asker.own).await.unwrap();
            let target = Target { uid: Uid(number.into()), hotkey: identity.own, address: host.miner.address };
            lanes.push(Lane::new(target, Arc::clone(&self.bank), 2, READY));
            hosts.push(host);
        }
        let targets: Vec<Target> = lanes.iter().map(|lane| lane.target).collect();
        let (heard, hold, _) = window::hold(&self.key, &self.policy, lanes).await;
        let case = |(target, heard): (Target, _)| {
            let registration = Registration { hotkey: target.hotkey, block: Block(1) };
            Case::new(0, target, registration, heard, Memory::default())
        };
        let mut cases: Vec<Case> = targets.into_iter().zip(heard).map(case).collect();
        let models = [Arc::clone(&self.model)];
        look_at_forms(&models, &self.asker, &mut cases);
        cases.iter_mut().for_each(|case| self.check(case));
        outcomes(&models, &cases, hold, 1, &BTreeSet::new()).into_iter().map(|outcome| outcome.verdict).collect()
    }

    /// Computes its answers again until one is refused.
    fn check(&mut self, case: &mut Case) {
        for index in 0..case.heard.all().count() {
            let answer = case.answer(index).cloned().unwrap();
            if case.found.fault.is_none() && answer.tokens() > 0 && answer.received.fault().is_none() {
                let bound = self.asker.bound(&self.model, &case.target.hotkey, &answer.question);
                let examined = examine(self.decoder.as_mut(), &self.model, &answer, &bound).unwrap();
                case.add(index, &self.model.table, &examined);
            }
        }
    }
}

/// An honest miner, and everybody who is not one.
fn players(bench: &Bench, path: &Path) -> Vec<Player> {
    const WRONG: &[Fault] = &[Fault::WrongTokens, Fault::WrongEnd];
    let local = LocalModel { slots: 16, ..LocalModel::new("tiny", path.join("tiny")) };
    let cheat = |number| Cheat::new(&local, bench.identity(number));
    let mut players: Vec<Player> = vec![
        ("honest".to_owned(), cheat(0).honest().unwrap(), &[]),
        ("relay".to_owned(), relay(&cheat(1), OTHER).unwrap(), WRONG),
        ("provider".to_owned(), provider(&cheat(2)).unwrap(), WRONG),
        ("filler".to_owned(), filler(&cheat(3), 8).unwrap(), WRONG),
        (
            "fake first token".to_owned(),
            filler(&cheat(4), 1).unwrap(),
            &[Fault::WrongTokens, Fault::WrongEnd, Fault::Drift],
        ),
    ];
    for (number, kind) in (5..).zip(Kind::of(Field::Inference)) {
        let Fate::Caught(deserved) = kind.fate() else { panic!("{kind:?} earns") };
        let backend = backend(kind, HOLD, &local, bench.identity(number)).unwrap();
        players.push((kind.name().to_owned(), backend, deserved));
    }
    players
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_miner_is_paid_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let players = players(&bench, folder.path());
    let verdicts = bench.window(&players).await;
    let mut wrong = Vec::new();
    for ((name, _, deserved), verdict) in players.iter().zip(verdicts) {
        println!("{name}: {verdict:?}");
        let right = match (deserved, verdict) {
            ([], Verdict::Accepted(score)) => score.get() > 0,
            (deserved, Verdict::Rejected(fault)) => deserved.contains(&fault),
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {verdict:?}, deserves {deserved:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
