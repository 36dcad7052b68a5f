//! What the plan forbids, checked against the tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn dependencies(package: &str, section: &str) -> BTreeSet<String> {
    let path = root().join(package).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

fn sources(package: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(package).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{package} has no sources");
    found
}

/// The lines outside of tests that contain one of the words.
fn offences(package: &str, words: &[&str]) -> Vec<String> {
    let mut offences = Vec::new();
    for (path, text) in sources(package) {
        let inside = path.strip_prefix(root().join(package)).unwrap();
        if inside.ends_with("tests.rs") || inside.iter().any(|part| part == "tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    offences
}

#[test]
fn the_pure_crates_depend_on_nothing_that_could_do_io() {
    let common =
        ["blake3", "fixed", "incentive", "parity-scale-codec", "rand_chacha", "scale-info", "serde", "thiserror"];
    let curve = ["aes-gcm", "ark-bls12-381", "ark-ec", "ark-ff", "ark-serialize", "sha2"];
    for (package, own) in [("incentive", [].as_slice()), ("proof", &[]), ("timelock", &curve)] {
        let allowed: BTreeSet<&str> = common.iter().chain(own).copied().collect();
        let found = dependencies(package, "dependencies");
        assert!(!found.is_empty(), "{package} has no dependencies: the manifest was not understood");
        let foreign: Vec<_> = found.iter().filter(|name| !allowed.contains(name.as_str())).collect();
        assert!(foreign.is_empty(), "{package} depends on {foreign:?}");
    }
}

#[test]
fn the_pure_crates_read_no_clock_file_or_environment() {
    let words = ["std::fs", "std::net", "std::env", "std::io", "SystemTime", "Instant::", "println!", "tokio"];
    for package in ["incentive", "proof", "timelock"] {
        assert_eq!(offences(package, &words), Vec::<String>::new());
    }
    assert!(!offences("validator", &words).is_empty(), "the search finds nothing at all");
}

/// It reads models, and nothing comes to it from outside.
#[test]
fn the_engine_knows_no_network() {
    assert_eq!(offences("engine", &["std::net", "tokio::net", "std::env"]), Vec::<String>::new());
    let found = dependencies("engine", "dependencies");
    let network = ["axum", "hyper", "reqwest", "subxt", "hf-hub"];
    assert!(network.iter().all(|name| !found.contains(*name)), "{found:?}");
}

#[test]
fn the_neurons_do_not_know_each_other_or_the_chain_in_the_box() {
    for (package, strangers) in [
        ("miner", ["validator", "localnet"].as_slice()),
        ("engine", &["miner", "validator", "localnet", "neuron-common"]),
        ("validator", &["miner", "localnet"]),
        ("neuron-common", &["miner", "validator", "localnet"]),
        ("runtime-metadata", &["neuron-common", "miner", "validator", "localnet"]),
        ("localnet", &["miner", "validator"]),
    ] {
        let found = dependencies(package, "dependencies");
        assert!(strangers.iter().all(|stranger| !found.contains(*stranger)), "{package} depends on {strangers:?}");
    }
}

#[test]
fn unsafe_code_lies_below_two_modules_of_the_engine() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse::<toml::Table>().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for package in workspace["workspace"]["members"].as_array().unwrap() {
        let package = package.as_str().unwrap();
        let manifest = std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
        let lints = manifest.parse::<toml::Table>().unwrap()["lints"].clone();
        if package == "engine" {
            assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("deny"));
        } else {
            assert_eq!(lints["workspace"].as_bool(), Some(true), "{package} has lints of its own");
        }
    }
    let (below, above): (Vec<_>, Vec<_>) = offences("engine", &["unsafe "])
        .into_iter()
        .partition(|line| ["/compute/simd/", "/cuda/"].iter().any(|folder| line.contains(folder)));
    assert_eq!(above, Vec::<String>::new());
    for folder in ["/compute/simd/", "/cuda/"] {
        assert!(below.iter().any(|line| line.contains(folder)), "the search finds nothing in {folder}");
    }
}

#[test]
fn the_miner_contains_no_cheating_code() {
    assert_eq!(offences("miner", &["cheat", "Cheat"]), Vec::<String>::new());
    assert!(!offences("tests", &["cheat", "Cheat"]).is_empty(), "the search finds nothing at all");
}

/// Every lookup takes an item of the table in `runtime-metadata`, so that the compatibility report covers it.
#[test]
fn whatever_is_looked_up_in_a_chain_is_in_the_table() {
    let by_name = ["dynamic::", "DynamicPayload::new", "pallet_by_name(", "runtime_api_trait_by_name("];
    let elsewhere = |package: &str| {
        let mut offences = offences(package, &by_name);
        // The one module that looks things up; and whether the chain is a subtensor at all, asked before anything else.
        offences
            .retain(|line| !line.contains("chain/runtime.rs") && !line.contains("pallet_by_name(\"SubtensorModule\")"));
        offences
    };
    for package in ["neuron-common", "miner", "validator"] {
        assert_eq!(elsewhere(package), Vec::<String>::new());
    }
    assert!(!offences("neuron-common", &by_name).is_empty(), "the search finds nothing at all");
    let any = ["any_call("];
    let mut named = offences("neuron-common", &any);
    named.retain(|line| !line.contains("chain/runtime.rs"));
    let callers: BTreeSet<_> = named.iter().filter_map(|line| line.split(": ").next()?.rsplit('/').next()).collect();
    assert_eq!(callers, ["extrinsic.rs", "owner.rs"].into(), "only what the caller names himself");
    for package in ["miner", "validator"] {
        assert_eq!(offences(package, &[".sudo(", "chain.call("]), Vec::<String>::new());
    }
}
