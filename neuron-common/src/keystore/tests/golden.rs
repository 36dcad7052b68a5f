//! Wallets that Bittensor's own SDK wrote (`tests/wallets/`, see its README) open here, each under its own address.

use std::collections::BTreeMap;

use super::*;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wallets")
}

fn addresses() -> BTreeMap<String, String> {
    serde_json::from_str(&fs::read_to_string(folder().join("addresses.json")).unwrap()).unwrap()
}

fn passwords() -> Passwords {
    Passwords::new(Some(&folder().join("password")))
}

#[test]
fn every_wallet_of_the_sdk_opens() {
    let addresses = addresses();
    assert_eq!(addresses.len(), 15);
    // A token takes a minute without optimisation: `seal::fernet` tests it in parts, `tests/interop` as a whole.
    for (file, address) in addresses.iter().filter(|(file, _)| *file != "legacy/fernet") {
        let key = load_key(&folder().join(file), &passwords()).unwrap();
        assert_eq!(key.address(), address, "{file}");
        let scheme = if file.starts_with("ed25519") { Scheme::Ed25519 } else { Scheme::Sr25519 };
        assert_eq!(key.scheme(), scheme, "{file}");
        assert!(verify(&key.hotkey(), b"message", &key.sign(b"message")), "{file}");
    }
}

#[test]
fn every_form_is_among_them() {
    let seal = |file: &str| seal_of(&folder().join(file)).unwrap();
    assert_eq!(seal("sr25519/coldkey"), Some(Seal::Nacl));
    assert_eq!(seal("ed25519/hotkeys/sealed"), Some(Seal::Nacl));
    assert_eq!(seal("legacy/fernet"), Some(Seal::Fernet));
    assert_eq!(seal("legacy/vault"), Some(Seal::AnsibleVault));
    assert_eq!(seal("sr25519/hotkeys/plain"), None);
}

#[test]
fn public_halves_name_the_keys() {
    let addresses = addresses();
    for scheme in ["sr25519", "ed25519"] {
        let cold = WalletPath::new(&folder(), scheme, "plain").unwrap();
        assert_eq!(ss58(&load_public(&cold.coldkey_public()).unwrap()), addresses[&format!("{scheme}/coldkey")]);
        for name in ["plain", "sealed", "seeded"] {
            let hot = WalletPath::new(&folder(), scheme, name).unwrap();
            let address = &addresses[&format!("{scheme}/hotkeys/{name}")];
            assert_eq!(&ss58(&load_public(&hot.hotkey_public()).unwrap()), address);
        }
    }
}

/// Field for field, what we write is what the SDK writes, and so is a public file.
#[test]
fn our_files_have_the_fields_of_theirs() {
    let json = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
    for scheme in ["sr25519", "ed25519"] {
        for name in ["plain", "seeded", "derived"] {
            let theirs = fs::read(folder().join(scheme).join("hotkeys").join(name)).unwrap();
            let key = form::parse(std::str::from_utf8(&theirs).unwrap()).unwrap();
            // A file with a private key alone gives the SDK and us no seed; with it, both.
            assert_eq!(json(&form::render(&key).unwrap()), json(&theirs), "{scheme} {name}");
            if name != "derived" {
                let public = fs::read(folder().join(scheme).join("hotkeys").join(format!("{name}pub.txt"))).unwrap();
                let ours = form::render_public(&key.hotkey(), key.scheme()).unwrap();
                assert_eq!(json(&ours), json(&public), "{scheme} {name}");
            }
        }
    }
}
