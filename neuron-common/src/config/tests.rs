use clap::Parser as _;
use incentive::units::NetUid;

use super::*;
use crate::chain::Endpoint;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Neuron {
    netuid: NetUid,
    #[serde(default)]
    policy: PolicyConfig,
    #[serde(default)]
    chain: ChainConfig,
    #[serde(default)]
    wallet: WalletConfig,
    #[serde(default)]
    telemetry: TelemetryConfig,
}

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn flags(list: &[&str]) -> Overrides {
    Cli::try_parse_from(["neuron"].iter().chain(list)).unwrap().args.overrides()
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn complaint(text: &str, list: &[&str]) -> String {
    let file = written(text);
    let error = load::<Neuron>(Some(file.path()), &flags(list)).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error.replace(&file.path().display().to_string(), "FILE")
}

#[test]
fn flags_stand_above_the_file_and_the_file_above_defaults() {
    let file = written("netuid = 3\n[chain]\nendpoint = \"ws://file\"\n[wallet]\nname = \"file\"\n");
    let list =
        ["--endpoint", "ws://flag", "--hotkey", "h", "--log-format", "json", "--telemetry-listen", "127.0.0.1:0"];
    let config: Neuron = load(Some(file.path()), &flags(&list)).unwrap();
    assert_eq!(config.netuid, NetUid(3));
    assert_eq!(config.chain, ChainConfig::at("ws://flag"));
    assert_eq!((config.wallet.name.as_str(), config.wallet.hotkey.as_str()), ("file", "h"));
    assert_eq!(config.telemetry.format, LogFormat::Json);
    assert_eq!(config.telemetry.log, TelemetryConfig::default().log);
    assert_eq!(config.telemetry.listen.port(), 0);
}

#[test]
fn endpoints_of_a_flag_stand_above_either_form_in_the_file() {
    let two = ["ws://a", "wss://b:443"].map(Endpoint::new);
    for chain in ["endpoint = \"ws://file\"", "endpoints = [\"ws://file\", \"ws://other\"]", ""] {
        let file = written(&format!("netuid = 3\n[chain]\n{chain}\n"));
        let config: Neuron = load(Some(file.path()), &flags(&["--endpoint", "ws://a, wss://b:443"])).unwrap();
        assert_eq!(config.chain.endpoints, two, "{chain}");
    }
    let error = complaint("netuid = 3\n", &["--endpoint", ","]);
    assert!(error.contains("BT_CHAIN_ENDPOINT") && error.contains("at least one"), "{error}");
}

#[test]
fn flags_alone_are_enough() {
    let config: Neuron = load(None, &flags(&["--netuid", "7"])).unwrap();
    assert_eq!((config.netuid, config.chain), (NetUid(7), ChainConfig::default()));
    let again = written(&render(&load::<Neuron>(None, &flags(&["--netuid", "7"])).unwrap()).unwrap());
    assert_eq!(load::<Neuron>(Some(again.path()), &Overrides::default()).unwrap().netuid, NetUid(7));
}

#[test]
fn a_mistyped_key_is_named_with_its_line_and_the_nearest_key() {
    assert_eq!(
        complaint("netuid = 3\n\n[chain]\nendpont = \"ws://a\"\n", &[]),
        "FILE:4: unknown key `endpont`; did you mean `endpoint`?"
    );
    assert_eq!(
        complaint("netuid = 3\n[wallet]\npassword = \"x\"\n", &[]),
        "FILE:3: unknown key `password`; here stand: path, name, hotkey, password_file"
    );
    assert_eq!(complaint("netuid = 3\n[chian]\n", &[]), "FILE:2: unknown key `chian`; did you mean `chain`?");
}

#[test]
fn a_wrong_value_is_named_with_its_line_or_flag() {
    let error = complaint("netuid = 70000\n", &[]);
    assert!(error.starts_with("FILE:1: invalid value: integer `70000`"), "{error}");
    let error = complaint("netuid = 1\n[telemetry]\nlisten = \"here\"\n", &[]);
    assert!(error.starts_with("FILE:3: invalid socket address"), "{error}");
    let error = complaint("netuid = 1\nchain = = 2\n", &[]);
    assert!(error.starts_with("FILE:2: "), "{error}");
    let file = written("netuid = 1\n");
    let bad = Overrides::default().set("telemetry.listen", "--telemetry-listen", Some("nowhere"));
    let error = load::<Neuron>(Some(file.path()), &bad).unwrap_err().to_string();
    assert!(error.starts_with("--telemetry-listen: `telemetry.listen` cannot be set to \"nowhere\""), "{error}");
}

#[test]
fn what_is_missing_is_named_with_the_remedy() {
    assert_eq!(complaint("", &["--wallet", "w"]), "no value for `netuid`; set it in FILE, or by its flag (--help)");
    let error = load::<Neuron>(Some(Path::new("/nowhere/x.toml")), &Overrides::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read configuration /nowhere/x.toml: "), "{error}");
}

#[test]
fn a_policy_is_a_preset_or_a_file() {
    assert_eq!(PolicyConfig("dev".into()).load().unwrap(), Policy::dev());
    let file = written(&toml::to_string(&Policy::production()).unwrap());
    assert_eq!(PolicyConfig(file.path().display().to_string()).load().unwrap(), Policy::production());
    let error = PolicyConfig("devel".into()).load().unwrap_err().to_string();
    assert!(error.starts_with("policy devel is neither `dev` nor `production` nor a readable file"), "{error}");
    let file = written(&toml::to_string(&Policy::dev()).unwrap().replace("width = 512", "width = 100"));
    let error = PolicyConfig(file.path().display().to_string()).load().unwrap_err().to_string();
    assert!(error.contains("compute.width = 100"), "{error}");
}

#[test]
fn wallet_names_stay_inside_the_folder() {
    let wallet = |name: &str, hotkey: &str| WalletConfig {
        path: "/w".into(),
        name: name.into(),
        hotkey: hotkey.into(),
        ..WalletConfig::default()
    };
    assert_eq!(wallet("a", "b").path().unwrap().hotkey(), Path::new("/w/a/hotkeys/b"));
    assert_eq!(wallet("a/c", "b").path().unwrap().hotkey(), Path::new("/w/a/hotkeys/c"));
    for (name, hotkey) in [("..", "b"), ("a", ".."), ("a/../b", "c"), ("", "b"), ("a/", "b"), ("a", "b/c")] {
        assert!(wallet(name, hotkey).path().is_err(), "{name} {hotkey}");
    }
}
