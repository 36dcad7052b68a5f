//! Bad input: one clear line that names the thing and the remedy, and a status that scripts can tell apart.

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::Context as _;
use tests::net::TestNet;
use tests::process::{Ended, Process, run};

/// Bad configuration.
const CONFIGURATION: i32 = 64;
/// Right configuration that does not work here and now.
const FAILED: i32 = 1;

/// What went wrong, how the configuration gets there, the status, and what the line must name.
struct Case {
    what: &'static str,
    change: Box<dyn Fn(String) -> String>,
    code: i32,
    names: Vec<String>,
}

fn case(
    what: &'static str,
    change: impl Fn(String) -> String + 'static,
    code: i32,
    names: impl IntoIterator<Item = &'static str>,
) -> Case {
    Case { what, change: Box::new(change), code, names: names.into_iter().map(str::to_owned).collect() }
}

/// A change of one line.
fn line(from: &'static str, to: &'static str) -> impl Fn(String) -> String + 'static {
    move |text| {
        let lines: Vec<&str> = text.lines().map(|line| if line.starts_with(from) { to } else { line }).collect();
        lines.join("\n")
    }
}

/// What can be wrong with the configuration of either neuron.
fn common() -> Vec<Case> {
    vec![
        case("an unknown key", line("endpoint", "endpint = \"ws://a\""), CONFIGURATION, ["ok.toml", "endpint"]),
        case("an unknown section", |text| text + "[axn]\n", CONFIGURATION, ["ok.toml", "axn"]),
        case("a value of another type", line("netuid", "netuid = \"one\""), CONFIGURATION, ["ok.toml:1", "u16"]),
        case("no netuid", line("netuid", ""), CONFIGURATION, ["netuid"]),
        case("no TOML", |_| "netuid = = 1".to_owned(), CONFIGURATION, ["ok.toml"]),
        case("a policy that is not there", line("policy", "policy = \"prodction\""), CONFIGURATION, ["prodction"]),
        case("a missing wallet", line("hotkey", "hotkey = \"nobody\""), CONFIGURATION, ["nobody", "btcli"]),
        case(
            "an unregistered hotkey",
            line("hotkey", "hotkey = \"stranger\""),
            FAILED,
            ["not registered", "register --netuid"],
        ),
        case("a subnet that is not there", line("netuid", "netuid = 77"), FAILED, ["77"]),
        case(
            "nobody at the endpoint",
            line("endpoint", "endpoint = \"ws://127.0.0.1:1\""),
            FAILED,
            ["ws://127.0.0.1:1"],
        ),
        case(
            "another chain",
            |text| text.replace("[wallet]", &format!("genesis = \"0x{}\"\n[wallet]", "11".repeat(32))),
            FAILED,
            ["genesis"],
        ),
    ]
}

/// The first `listen` of the file on a port that is in use; `flag` is the remedy.
fn port_in_use(port: u16, flag: &str) -> Case {
    let change =
        move |text: String| text.replacen("listen = \"127.0.0.1:0\"", &format!("listen = \"127.0.0.1:{port}\""), 1);
    let names = vec![format!("127.0.0.1:{port}"), flag.to_owned()];
    Case { what: "a port in use", change: Box::new(change), code: FAILED, names }
}

fn complaint(ended: &Ended) -> Result<&str, String> {
    let lines: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    match lines[..] {
        [line] => Ok(line),
        _ => Err(format!("{} lines of error in {:?}", lines.len(), ended.stderr)),
    }
}

/// Starts `program` with each of the bad configurations; returns what was not as it should be.
async fn complaints(
    program: &str,
    cases: Vec<Case>,
    config: impl Fn(&dyn Fn(String) -> String) -> anyhow::Result<PathBuf>,
) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for Case { what, change, code, names } in cases {
        let path = config(&change)?.display().to_string();
        let ended = run(program, ["run", "--config", &path]).await.with_context(|| what)?;
        match complaint(&ended) {
            Err(problem) => wrong.push(format!("{program}, {what}: {problem}")),
            Ok(line) => {
                if ended.code != Some(code) {
                    wrong.push(format!("{program}, {what}: status {:?} instead of {code}: {line}", ended.code));
                }
                for name in names.iter().filter(|name| !line.contains(name.as_str())) {
                    wrong.push(format!("{program}, {what}: {name:?} is not in {line:?}"));
                }
            }
        }
        if !ended.stdout.is_empty() {
            wrong.push(format!("{program}, {what}: said {:?}", ended.stdout));
        }
    }
    Ok(wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_with_its_remedy() -> anyhow::Result<()> {
    let net = TestNet::start(super::policy()).await?;
    net.miner("ok").await?;
    net.wallet("stranger")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();

    let mut cases = common();
    cases.push(port_in_use(port, "--listen"));
    let mut wrong = complaints("miner", cases, |change| net.miner_config("ok", change)).await?;

    let mut cases = common();
    cases.push(port_in_use(port, "--telemetry-listen"));
    cases.push(case(
        "a database that cannot be",
        line("database", "database = \"/dev/null/v.db\""),
        FAILED,
        ["/dev/null/v.db", "database"],
    ));
    wrong.extend(complaints("validator", cases, |change| net.validator_config("ok", change)).await?);
    assert!(wrong.is_empty(), "{wrong:#?}");

    // None of the failed starts left anything behind that stands in the way of a good one.
    let config = net.validator_config("ok", |text| text)?.display().to_string();
    let validator = Process::start("validator", ["run", "--config", &config], 1).await?;
    let ended = validator.stop().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_missing_file_and_a_wrong_flag_are_named() -> anyhow::Result<()> {
    let ended = run("miner", ["run", "--config", "/nowhere/miner.toml"]).await?;
    assert_eq!(ended.code, Some(CONFIGURATION));
    assert!(ended.stderr.contains("/nowhere/miner.toml"), "{}", ended.stderr);

    let ended = run("miner", ["run", "--lissten", "127.0.0.1:0"]).await?;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--listen"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_with_good_input_runs_checks_and_stops() -> anyhow::Result<()> {
    let net = TestNet::start(super::policy()).await?;
    let key = net.miner("ok").await?;
    let config = net.miner_config("ok", |text| text)?.display().to_string();
    let miner = Process::start("miner", ["run", "--config", &config], 1).await?;
    let health = reqwest::get(format!("http://{}/v1/health", miner.address())).await?;
    assert_eq!(health.status(), 200);
    let snapshot = net.announced(&[key.hotkey()], std::time::Duration::from_secs(30)).await?;
    assert_eq!(snapshot.neuron(&key.hotkey()).and_then(|neuron| neuron.axon), Some(miner.address()));

    let printed = run("miner", ["config", "--config", &config]).await?;
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert!(printed.stdout.contains("[axon]"), "{}", printed.stdout);

    let ended = miner.stop().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Ok(())
}
