//! A whole inference part, with real decoders on both sides of a loopback connection.

mod miner;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::model::{LoadOptions, load};
use engine::synthetic::{Precision, Recipe, tiny};
use incentive::evidence::{Bin, Pair, Stratum, Table};
use incentive::policy::{InferencePolicy, ModelPolicy, Policy};
use incentive::task::ModelDigest;
use incentive::units::{Block, Hotkey, NetUid, Rao, Registration, Uid};
use incentive::verdict::{Fault, Verdict};
use neuron_common::chain::{BlockRef, Neuron, Snapshot};
use neuron_common::keystore::Keypair;
use proof::inference::SAMPLER;
use tempfile::TempDir;

use self::miner::{Manner, Miner};
use super::between::Probes;
use super::memory::Memory;
use super::part::Inference;
use super::start::Setup;
use super::tables;
use crate::config::{Config, CopyConfig, InferenceConfig};
use crate::dispatch::Target;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::record::{Outcome, Work};
use crate::store::Store;

const GENESIS: [u8; 32] = [1; 32];
const NETUID: NetUid = NetUid(2);
const RAMP_MS: u32 = 600;
const HOLD_MS: u32 = 2_000;

/// A validator that pays for one small model.
struct Subnet {
    _folder: TempDir,
    model: PathBuf,
    other: PathBuf,
    digest: ModelDigest,
    key: Arc<Keypair>,
    policy: Policy,
    config: Config,
}

fn table(model: ModelDigest) -> Table {
    let stratum = |from, to| Stratum {
        from,
        to,
        block: 64,
        blocks: 3000,
        soft: 20_000,
        hard: 500_000,
        false_positive_ppm: 999,
        evidence: vec![Bin { up_to: 10_000, weight: -100 }, Bin { up_to: u32::MAX, weight: 3000 }],
        end: 1_000_000,
    };
    Table {
        version: Table::VERSION,
        model,
        sampler: SAMPLER.into(),
        checker: tables::checker(),
        strata: vec![stratum(500, 800), stratum(800, 1201), stratum(1201, 2001)],
        fingerprint: None,
        pairs: vec![Pair { name: "by hand".into(), blocks: 3000, agreement_ppm: 990_000, mean: 1, largest: 2 }],
    }
}

impl Subnet {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let (model, other) = (place("model"), place("other"));
        tiny(&model, Recipe { seed: 1, precision: Precision::Bf16 }).unwrap();
        tiny(&other, Recipe { seed: 2, precision: Precision::Bf16 }).unwrap();
        let digest = ModelDigest(load(&model, &LoadOptions::default()).unwrap().decoder.info().digest);
        tables::save(&place("table.json"), &table(digest)).unwrap();
        let lines = [
            r#"{"model":"x","messages":[{"role":"user","content":"Tell me about the sea and its tides, please."}],"temperature":1.0,"max_tokens":24,"stream":true}"#,
            r#"{"model":"x","prompt":"The old house stood at the end of the road","temperature":0.7,"top_p":0.9,"max_tokens":20,"stream":true}"#,
        ];
        std::fs::write(place("traffic.jsonl"), lines.join("\n")).unwrap();
        let of_model = ModelPolicy {
            id: "tiny".into(),
            digest,
            share: 500,
            first_ms: 1_000,
            prompt_us: 1_000,
            token_us: 20_000,
            fastest_us: 10,
            fingerprint: false,
        };
        let part = InferencePolicy {
            ramp_ms: RAMP_MS,
            hold_ms: HOLD_MS,
            streams_max: 2,
            answer_tokens: 16,
            models: vec![of_model],
        };
        let policy = Policy { inference: Some(part), ..Policy::dev() };
        let copies = vec![CopyConfig { path: model.clone(), table: place("table.json"), precision: None }];
        let config = Config {
            netuid: NETUID,
            policy: Default::default(),
            database: place("v.db"),
            chain: Default::default(),
            wallet: Default::default(),
            round: Default::default(),
            inference: InferenceConfig { models: copies, traffic: Some(place("traffic.jsonl")), ..Default::default() },
            telemetry: Default::default(),
        };
        let key = Arc::new(Keypair::generate().unwrap());
        Self { model, other, digest, key, policy, config, _folder: folder }
    }

    async fn start(&self, store: &Store) -> Arc<Inference> {
        let metrics = Metrics::new(&mut prometheus_client::registry::Registry::default());
        let setup = Setup {
            config: &self.config,
            policy: &self.policy,
            genesis: GENESIS,
            block_time: Duration::from_secs(12),
            key: Arc::clone(&self.key),
            store: store.clone(),
            metrics,
        };
        let mut inference = Inference::start(setup).await.unwrap().unwrap();
        // Whoever else works on this machine must not void the part.
        Arc::get_mut(&mut inference).unwrap().lag_limit = Duration::from_secs(30);
        inference
    }

    async fn miner(&self, manner: Manner, uid: u16) -> (Target, Registration) {
        let target = Miner::serve(manner, uid, self.key.hotkey(), &self.model, &self.other, self.digest.0).await;
        (target, Registration { hotkey: target.hotkey, block: Block(1) })
    }
}

fn snapshot(own: Hotkey) -> Snapshot {
    let validator = Neuron {
        uid: Uid(0),
        hotkey: own,
        coldkey: Hotkey([0; 32]),
        registered: Block(0),
        axon: None,
        validator_permit: true,
        active: true,
        last_update: Block(0),
        incentive: 0,
        dividends: 0,
        emission: Rao(0),
        stake: Rao(1_000),
    };
    Snapshot {
        block: BlockRef { number: Block(100), hash: [1; 32] },
        netuid: NETUID,
        tempo: 360,
        last_epoch_block: Block(90),
        epoch_index: 4,
        weights_rate_limit: 10,
        weights_version_key: 0,
        commit_reveal: false,
        owner_uid: None,
        neurons: vec![validator],
    }
}

async fn hold(inference: &Inference, targets: &[(Target, Registration)]) -> Vec<Outcome> {
    let plan = Plan { targets: targets.to_vec(), decided: Vec::new() };
    let part = inference.ask(&snapshot(inference.asker.own), targets).await;
    inference.judge(part, &plan, 360).await.unwrap()
}

fn of(outcomes: &[Outcome], target: &Target) -> Verdict {
    outcomes.iter().find(|outcome| outcome.uid == target.uid).unwrap().verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_manner_has_its_verdict() {
    let subnet = Subnet::new();
    let store = Store::open(&subnet.config.database).unwrap();
    let inference = subnet.start(&store).await;
    // Tokens of another model, or under another seed: whether the first of them that is impossible ends the answer is chance.
    const TOKENS: &[Fault] = &[Fault::WrongTokens, Fault::WrongEnd];
    let expected: [(Manner, &[Fault]); 9] = [
        (Manner::Honest, &[]),
        (Manner::OtherWeights, TOKENS),
        (Manner::NotServed, &[Fault::NotServed]),
        (Manner::Busy, &[Fault::WindowRefused]),
        (Manner::Burst, &[Fault::Late]),
        (Manner::Relay, &[Fault::WrongBinding]),
        (Manner::RelayBound, TOKENS),
        (Manner::Short, &[Fault::WrongEnd]),
        (Manner::Stops, &[Fault::WrongEnd]),
    ];
    let mut targets = Vec::new();
    for (uid, (manner, _)) in (1..).zip(expected) {
        targets.push(subnet.miner(manner, uid).await);
    }
    inference.prepare(&snapshot(subnet.key.hotkey()), targets.len()).await;
    let outcomes = hold(&inference, &targets).await;
    for ((manner, expected), (target, _)) in expected.iter().zip(&targets) {
        match of(&outcomes, target) {
            Verdict::Accepted(score) => assert!(expected.is_empty() && score.get() > 0, "{manner:?}: {score}"),
            Verdict::Rejected(fault) => assert!(expected.contains(&fault), "{manner:?}: {fault}"),
            Verdict::Void => panic!("{manner:?}"),
        }
    }
    let Work::Inference { model, counts } = outcomes[0].work else { panic!("{:?}", outcomes[0]) };
    assert_eq!(model, subnet.digest);
    assert!(counts.answers > 0 && counts.tokens > 0 && counts.checked > 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens() {
    let subnet = Subnet::new();
    let store = Store::open(&subnet.config.database).unwrap();
    let inference = subnet.start(&store).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = Target { uid: Uid(1), hotkey: Hotkey([7; 32]), address };
    let outcomes = hold(&inference, &[(target, Registration { hotkey: target.hotkey, block: Block(1) })]).await;
    assert_eq!(of(&outcomes, &target), Verdict::Rejected(Fault::Unreachable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_outlives_a_restart() {
    let subnet = Subnet::new();
    let (target, registration) = {
        let store = Store::open(&subnet.config.database).unwrap();
        let inference = subnet.start(&store).await;
        let miner = subnet.miner(Manner::OtherWeights, 1).await;
        hold(&inference, &[miner]).await;
        miner
    };
    let store = loop {
        // A thread that did some of the work may hold the database a moment longer.
        match Store::open(&subnet.config.database) {
            Ok(store) => break store,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let memory = store.memory(&registration, &subnet.digest).unwrap();
    assert_ne!(memory, Memory::default());
    let anew = Registration { block: Block(2), ..registration };
    assert_eq!(store.memory(&anew, &subnet.digest).unwrap(), Default::default(), "a new registration begins anew");
    let stranger = Registration { hotkey: Hotkey([9; 32]), ..registration };
    assert_eq!(store.memory(&stranger, &subnet.digest).unwrap(), Default::default());
    assert_eq!(target.hotkey, registration.hotkey);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_lower_and_convict_and_are_silent_in_windows() {
    let mut subnet = Subnet::new();
    subnet.config.inference.audit_percent = 100;
    let store = Store::open(&subnet.config.database).unwrap();
    let inference = subnet.start(&store).await;
    let probes = Probes::new(Arc::clone(&inference));
    let remembered = |registration: &Registration| store.memory(registration, &subnet.digest).unwrap();
    let (honest, of_honest) = subnet.miner(Manner::Honest, 1).await;
    {
        let _window = inference.quiet.begin();
        probes.send((0, honest, of_honest), 0).await;
        assert_eq!(remembered(&of_honest), Memory::default(), "nothing is asked in a window");
    }
    inference.quiet.over().await;
    probes.send((0, honest, of_honest), 0).await;
    let memory = remembered(&of_honest);
    assert_eq!((memory.shares.len(), memory.wrong), (1, None));
    assert!(memory.shares[0] > 0 && memory.charts != Default::default(), "{memory:?}");
    let (other, of_other) = subnet.miner(Manner::OtherWeights, 2).await;
    // A block of evidence takes a few of their short answers.
    futures_util::future::join_all((0..10).map(|_| probes.send((0, other, of_other), 0))).await;
    let memory = remembered(&of_other);
    assert_eq!(memory.shares.len(), 10);
    let wrong = memory.wrong.unwrap();
    assert!(matches!(wrong, Fault::WrongTokens | Fault::WrongEnd), "{wrong}");
    assert!(memory.shares.contains(&0), "{memory:?}");
    // It costs the next window.
    let outcomes = hold(&inference, &[(other, of_other)]).await;
    assert!(matches!(of(&outcomes, &other), Verdict::Rejected(Fault::WrongTokens | Fault::WrongEnd)));
    assert_eq!(remembered(&of_other).wrong, None);
}

#[tokio::test]
async fn a_model_that_cannot_be_judged_is_void_and_the_others_go_on() {
    let mut subnet = Subnet::new();
    let store = Store::open(&subnet.config.database).unwrap();
    let missing = ModelPolicy { digest: ModelDigest([5; 32]), ..subnet.policy.models()[0].clone() };
    subnet.policy.inference.as_mut().unwrap().models.push(missing);
    let inference = subnet.start(&store).await;
    assert_eq!((inference.banks.len(), inference.unjudged.as_slice()), (1, &[ModelDigest([5; 32])][..]));
    let target = Target { uid: Uid(1), hotkey: Hotkey([7; 32]), address: "127.0.0.1:1".parse().unwrap() };
    let outcomes = hold(&inference, &[(target, Registration { hotkey: target.hotkey, block: Block(1) })]).await;
    let verdicts: Vec<_> = outcomes.iter().map(|outcome| (outcome.task(), outcome.verdict)).collect();
    assert!(
        verdicts.contains(&(incentive::task::Task::Inference(ModelDigest([5; 32])), Verdict::Void)),
        "{verdicts:?}"
    );
    assert!(verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Rejected(Fault::Unreachable)), "{verdicts:?}");
}

#[tokio::test]
async fn a_copy_or_table_of_something_else_is_refused_by_name() {
    let mut subnet = Subnet::new();
    let problems = |subnet: &Subnet| {
        let (copies, problems) =
            super::models::load(&subnet.config.inference, subnet.policy.inference.as_ref().unwrap());
        assert!(copies.is_empty());
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let good = subnet.config.inference.models[0].clone();
    subnet.config.inference.models[0].path = subnet.other.clone();
    let text = problems(&subnet);
    assert!(text.contains("which the policy does not pay for") && text.contains("the policy pays for tiny"), "{text}");
    subnet.config.inference.models[0] = CopyConfig { precision: Some("q8_0".into()), ..good.clone() };
    assert!(problems(&subnet).contains("q8_0"), "the same files in another precision are another model");
    subnet.config.inference.models[0] = good.clone();
    tables::save(&good.table, &table(ModelDigest([5; 32]))).unwrap();
    assert!(problems(&subnet).contains("inference.models.table"));
}
