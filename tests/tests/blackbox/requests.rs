//! Requests that a miner must refuse: the right status and document, and no trace in what it does for others.

use std::time::{Duration, SystemTime};

use incentive::units::{Block, NetUid};
use incentive::verdict::Verdict;
use neuron_common::auth;
use neuron_common::keystore::Keypair;
use neuron_common::wire::{self, OpenRequest, WindowRequest};
use parity_scale_codec::Encode as _;
use reqwest::Response;
use reqwest::header::HeaderMap;
use tests::caller::{Asked, Caller, Miner, problem};
use tests::deadline::until;
use tests::net::TestNet;
use tests::process::Process;

/// A miner in a window, a validator, and somebody without a permit.
struct Stage {
    /// Keeps the chain alive.
    _net: TestNet,
    process: Process,
    miner: Miner,
    validator: Caller,
    second: Caller,
    stranger: Caller,
    asked: Asked,
    /// What did not come out as it should.
    wrong: Vec<String>,
}

impl Stage {
    async fn new() -> anyhow::Result<Self> {
        let net = TestNet::start(super::policy()).await?;
        let validator = Caller::new(net.validator("validator").await?)?;
        let second = Caller::new(net.validator("second").await?)?;
        let stranger = Caller::new(net.miner("stranger").await?)?;
        let hotkey = net.miner("miner").await?.hotkey();
        let config = net.miner_config("miner", |text| text)?.display().to_string();
        let process = Process::start("miner", ["run", "--config", &config], 1).await?;
        net.announced(&[hotkey], Duration::from_secs(30)).await?;
        let window = net.window().await?;
        let asked = Asked::new(net.chain().genesis(), net.netuid(), &window, net.policy(), [5; 32]);
        let miner = Miner { address: process.address(), hotkey };
        Ok(Self { _net: net, process, miner, validator, second, stranger, asked, wrong: Vec::new() })
    }

    async fn send(&self, path: &str, headers: HeaderMap, body: Vec<u8>) -> reqwest::Result<Response> {
        let url = format!("http://{}{path}", self.miner.address);
        self.validator.http.post(url).headers(headers).body(body).send().await
    }

    fn signed(&self, body: &[u8], at: SystemTime) -> HeaderMap {
        auth::sign(&self.validator.key, "POST", wire::WINDOW_PATH, body, &self.miner.hotkey, at)
    }

    async fn expect(&mut self, what: &str, status: u16, code: &str, answer: reqwest::Result<Response>) {
        let outcome = match answer {
            Ok(answer) => problem(answer).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(problem) if problem.status == status && problem.code == code => {}
            Ok(problem) => self.wrong.push(format!("{what}: {} {}, not {status} {code}", problem.status, problem.code)),
            Err(error) => self.wrong.push(format!("{what}: {error:#}")),
        }
    }

    /// A signed request of the validator that differs in one point.
    async fn variant(&mut self, what: &str, status: u16, code: &str, change: impl FnOnce(&mut WindowRequest)) {
        let mut request = self.asked.request();
        change(&mut request);
        let answer = self.validator.post(&self.miner, wire::WINDOW_PATH, request.encode()).await;
        self.expect(what, status, code, answer).await;
    }

    /// How many windows the miner has worked in, as its metrics say.
    async fn windows_worked(&self) -> anyhow::Result<u64> {
        let marker = "address=";
        let address = until("the miner says where its metrics are", Duration::from_secs(10), async || {
            let stderr = self.process.stderr();
            let line = stderr.lines().find(|line| line.contains("metrics") && line.contains(marker))?.to_owned();
            Some(line.split(marker).nth(1)?.split_whitespace().next()?.to_owned())
        })
        .await?;
        let text = reqwest::get(format!("http://{address}/metrics")).await?.text().await?;
        let line = text.lines().find(|line| line.starts_with("assay_miner_windows_total "));
        anyhow::ensure!(line.is_some(), "no counter of windows in {text}");
        Ok(line.and_then(|line| line.split(' ').nth(1)).unwrap_or_default().parse()?)
    }
}

/// Unsigned, stale, forged, misdirected and replayed requests.
async fn unauthenticated(stage: &mut Stage) -> anyhow::Result<()> {
    let body = stage.asked.request().encode();
    let now = SystemTime::now();
    let answer = stage.send(wire::WINDOW_PATH, HeaderMap::new(), body.clone()).await;
    stage.expect("unsigned", 401, "malformed_auth", answer).await;
    let answer = stage.send(wire::OPEN_PATH, HeaderMap::new(), Vec::new()).await;
    stage.expect("an unsigned opening", 401, "malformed_auth", answer).await;

    let old = stage.signed(&body, now - Duration::from_secs(60));
    let answer = stage.send(wire::WINDOW_PATH, old, body.clone()).await;
    stage.expect("stale", 401, "stale_request", answer).await;
    let ahead = stage.signed(&body, now + Duration::from_secs(60));
    let answer = stage.send(wire::WINDOW_PATH, ahead, body.clone()).await;
    stage.expect("from the future", 401, "stale_request", answer).await;

    let headers = stage.signed(&[body.clone(), vec![0]].concat(), now);
    let answer = stage.send(wire::WINDOW_PATH, headers, body.clone()).await;
    stage.expect("signed over another body", 401, "bad_signature", answer).await;
    let headers = stage.signed(&body, now);
    let answer = stage.send(wire::OPEN_PATH, headers, body.clone()).await;
    stage.expect("signed for another path", 401, "bad_signature", answer).await;

    let other = Miner { hotkey: stage.validator.key.hotkey(), ..stage.miner };
    let answer = stage.validator.post(&other, wire::WINDOW_PATH, body).await;
    stage.expect("bound to another receiver", 421, "wrong_receiver", answer).await;

    let garbage = vec![1, 0, 7];
    let headers = stage.signed(&garbage, now);
    let answer = stage.send(wire::WINDOW_PATH, headers.clone(), garbage.clone()).await;
    stage.expect("garbage", 400, "malformed", answer).await;
    let answer = stage.send(wire::WINDOW_PATH, headers, garbage).await;
    stage.expect("the same request again", 401, "replayed_request", answer).await;
    Ok(())
}

/// Signed requests that are not a miner's business.
async fn inadmissible(stage: &mut Stage) -> anyhow::Result<()> {
    let body = stage.asked.request().encode();
    let answer = stage.stranger.post(&stage.miner, wire::WINDOW_PATH, body.clone()).await;
    stage.expect("no permit", 403, "no_permit", answer).await;
    let nobody = Caller::new(Keypair::generate()?)?;
    let answer = nobody.post(&stage.miner, wire::WINDOW_PATH, body.clone()).await;
    stage.expect("not registered", 403, "no_permit", answer).await;

    let long = [body.clone(), vec![0; 1]].concat();
    let answer = stage.validator.post(&stage.miner, wire::WINDOW_PATH, long).await;
    stage.expect("a byte too long", 400, "malformed", answer).await;
    let answer = stage.validator.post(&stage.miner, wire::WINDOW_PATH, vec![0; 1 << 20]).await;
    stage.expect("oversized", 413, "too_large", answer).await;
    let answer = stage.validator.post(&stage.miner, "/v1/nothing", body.clone()).await;
    stage.expect("no such path", 404, "not_found", answer).await;
    let answer = stage.validator.http.get(format!("http://{}{}", stage.miner.address, wire::OPEN_PATH)).send().await;
    stage.expect("no such method", 405, "method_not_allowed", answer).await;

    stage.variant("another version", 426, "unsupported_version", |request| request.version = 9).await;
    stage.variant("another subnet", 409, "other_subnet", |request| request.netuid = NetUid(99)).await;
    stage.variant("another policy", 409, "other_policy", |request| request.policy = [0; 32]).await;
    stage.variant("another nonce", 409, "no_such_window", |request| request.nonce = [0; 32]).await;
    stage
        .variant("an earlier block", 409, "no_such_window", |request| {
            request.block = Block(request.block.get().saturating_sub(1));
        })
        .await;

    let open = OpenRequest { version: wire::VERSION, window: [9; 32], secret: [5; 32], counted: vec![1] };
    let answer = stage.validator.post(&stage.miner, wire::OPEN_PATH, open.encode()).await;
    stage.expect("a window that never was", 404, "unknown_window", answer).await;
    Ok(())
}

/// Openings that are refused, between others that are not.
async fn openings(stage: &mut Stage) -> anyhow::Result<()> {
    let window = stage.asked.challenge.id();
    let open = |secret: u8, counted: u32| {
        OpenRequest { version: wire::VERSION, window, secret: [secret; 32], counted: vec![counted] }.encode()
    };
    let second = stage.second.clone();
    let answer = second.post(&stage.miner, wire::OPEN_PATH, open(5, 1)).await;
    stage.expect("an opening for somebody else", 403, "wrong_secret", answer).await;

    // The window is over; the second validator gets what there is.
    let answer = second.post(&stage.miner, wire::WINDOW_PATH, stage.asked.request().encode()).await?;
    anyhow::ensure!(answer.status() == 200, "the late validator got {}: {}", answer.status(), answer.text().await?);
    let rounds = u32::try_from(answer.bytes().await?.len() / wire::RootFrame::LEN)?;
    let answer = second.post(&stage.miner, wire::OPEN_PATH, open(6, rounds)).await;
    stage.expect("a secret that was not committed to", 403, "wrong_secret", answer).await;
    let answer = second.post(&stage.miner, wire::OPEN_PATH, open(5, rounds + 1)).await;
    stage.expect("rounds that were not sent", 409, "miscounted", answer).await;
    let answer = second.post(&stage.miner, wire::OPEN_PATH, open(5, rounds)).await?;
    anyhow::ensure!(answer.status() == 200, "the right opening got {}: {}", answer.status(), answer.text().await?);
    let answer = second.post(&stage.miner, wire::OPEN_PATH, open(5, rounds)).await;
    stage.expect("a second opening", 409, "opened_already", answer).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_the_right_problem_and_touch_nothing() -> anyhow::Result<()> {
    let mut stage = Stage::new().await?;
    unauthenticated(&mut stage).await?;
    inadmissible(&mut stage).await?;
    assert_eq!(stage.windows_worked().await?, 0, "no refused request may start work; {:#?}", stage.wrong);

    let verdict = stage.validator.examine(&stage.miner, &stage.asked).await?;
    assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}\n{}", stage.process.stderr());
    openings(&mut stage).await?;
    assert_eq!(stage.windows_worked().await?, 1);
    assert!(stage.wrong.is_empty(), "{:#?}", stage.wrong);
    Ok(())
}
