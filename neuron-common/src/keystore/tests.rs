mod batch;
mod golden;
mod sealed;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const ADDRESS: &str = "5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgH";
const PUBLIC: &str = "66933bd1f37070ef87bd1198af3dacceb095237f803f3d32b173e6b425ed7972";
const SEED: &str = "4ed8d4b17698ddeaa1f1559f152f87b5d472f725ca86d341bd0276f1b61197e2";

fn phrase() -> String {
    format!("{}about", "abandon ".repeat(11))
}

fn private() -> String {
    hex::encode(Keypair::from_phrase(Scheme::Sr25519, &phrase()).unwrap().private())
}

fn wallet(folder: &TempDir) -> WalletPath {
    WalletPath::new(folder.path(), "alice", "hot").unwrap()
}

/// Writes `content` as a key file and loads it.
fn loaded(content: impl AsRef<[u8]>) -> Result<Keypair, KeystoreError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, content).unwrap();
    load_key(&path, &Passwords::default())
}

/// The hotkey of a wallet that needs no password.
fn load(wallet: &WalletPath) -> Result<Keypair, KeystoreError> {
    load_hotkey(wallet, &Passwords::default())
}

#[test]
fn the_known_phrase_gives_the_known_key() {
    let key = Keypair::from_phrase(Scheme::Sr25519, &phrase()).unwrap();
    assert_eq!(hex::encode(key.hotkey().0), PUBLIC);
    assert_eq!((ss58(&key.hotkey()).as_str(), key.address()), (ADDRESS, ADDRESS));
    assert_eq!(parse_ss58(ADDRESS), Some(key.hotkey()));
    assert_eq!(hex::encode(key.seed().unwrap().as_ref()), SEED);
    assert!(private().starts_with("2ec306fc") && private().ends_with("16dfd8"));
}

#[test]
fn every_plain_form_of_a_key_is_read() {
    let forms = [
        format!(r#"{{"secretPhrase":"{}","ss58Address":"{ADDRESS}"}}"#, phrase()),
        format!(r#"{{"secretSeed":"0x{SEED}","cryptoType":1,"ss58Address":"{ADDRESS}"}}"#),
        format!(r#"{{"privateKey":"0x{}","cryptoType":"1","ss58Address":"{ADDRESS}"}}"#, private()),
        format!(r#"{{"secretSeed":"0x{SEED}"," ss58Address":"{ADDRESS}"}}"#),
        format!(r#"{{"secretSeed":"0x{SEED}","accountType":"x","signingScheme":{{}}}}"#),
        // The phrase comes first, as in Bittensor's own tools.
        format!(r#"{{"secretPhrase":"{}","secretSeed":"0x{}","ss58Address":"{ADDRESS}"}}"#, phrase(), "11".repeat(32)),
        format!("{SEED}\n"),
        format!("0x{SEED}"),
        private(),
        format!("  {}\n", phrase()),
    ];
    for form in forms {
        assert_eq!(ss58(&loaded(&form).unwrap().hotkey()), ADDRESS, "{form}");
    }
}

/// Written by Bittensor's own wallet library (4.1.1), the order of its fields included.
#[test]
fn a_file_of_bittensors_own_tools_is_read() {
    let file = format!(
        r#"{{"privateKey":"0x{}","secretSeed":"0x{SEED}","cryptoType":1,"ss58Address":"{ADDRESS}","secretPhrase":"{}","accountId":"0x{PUBLIC}","publicKey":"0x{PUBLIC}"}}"#,
        "2ec306fc1c5bc2f0e3a2c7a6ec6014ca4a0823a7d7d42ad5e9d7f376a1c36c0d\
         14a2ddb1ef1df4adba49f3a4d8c0f6205117907265f09a53ccf07a4e8616dfd8",
        phrase(),
    );
    assert_eq!(ss58(&loaded(&file).unwrap().hotkey()), ADDRESS);
    let private_only = file.replace("secretSeed", "x").replace("secretPhrase", "y");
    assert_eq!(ss58(&loaded(private_only).unwrap().hotkey()), ADDRESS);
}

#[test]
fn unusable_files_are_told_apart() {
    use KeystoreError as E;
    let polkadot = format!(r#"{{"encoded":"MFMC","encoding":{{"version":"3"}},"address":"{ADDRESS}"}}"#);
    assert!(matches!(loaded(polkadot), Err(E::Polkadot { .. })));
    assert!(matches!(loaded(format!(r#"{{"ss58Address":"{ADDRESS}"}}"#)), Err(E::PublicOnly { .. })));
    assert!(matches!(loaded("abandon abandon"), Err(E::Format { .. })));
    assert!(matches!(loaded(""), Err(E::Format { .. })));
    assert!(matches!(loaded(b"\xff\xff"), Err(E::Format { .. })));
    assert!(matches!(loaded(r#"{"secretSeed":"0x00"}"#), Err(E::Format { .. })));
    let other_scheme = format!(r#"{{"secretSeed":"{SEED}","cryptoType":2}}"#);
    assert!(matches!(loaded(other_scheme), Err(E::Format { .. })));
    assert!(matches!(loaded("a".repeat(20_000)), Err(E::TooLarge { .. })));
}

#[test]
fn an_address_that_the_secret_does_not_derive_is_refused() {
    let bob = ss58(&Keypair::from_uri("//Bob").unwrap().hotkey());
    let error = loaded(format!(r#"{{"secretSeed":"{SEED}","ss58Address":"{bob}"}}"#)).unwrap_err();
    assert!(
        matches!(&error, KeystoreError::AddressMismatch { stated, derived, .. } if *stated == bob && derived == ADDRESS)
    );
}

/// Older files say nothing of the scheme, or say it in a string; the address decides.
#[test]
fn the_address_tells_the_scheme_where_the_file_does_not() {
    let edwards = Keypair::from_phrase(Scheme::Ed25519, &phrase()).unwrap();
    let private = hex::encode(edwards.private());
    assert_eq!(private, SEED, "an ed25519 private key is its seed");
    for (field, secret) in [("secretSeed", SEED), ("privateKey", &private), ("secretPhrase", &phrase())] {
        for scheme in ["", r#""cryptoType":0,"#, r#""cryptoType":"0","#, r#""cryptoType":1,"#] {
            let file = format!(r#"{{{scheme}"{field}":"{secret}","ss58Address":"{}"}}"#, edwards.address());
            let key = loaded(&file).unwrap();
            assert_eq!((key.scheme(), key.address()), (Scheme::Ed25519, edwards.address()), "{file}");
        }
    }
}

#[test]
fn a_missing_wallet_names_the_path_and_the_flags() {
    let folder = TempDir::new().unwrap();
    let error = load(&wallet(&folder)).unwrap_err().to_string();
    assert!(error.contains(&wallet(&folder).hotkey().display().to_string()), "{error}");
    for flag in ["--wallet", "--hotkey", "--wallet-path"] {
        assert!(error.contains(flag), "{error}");
    }
}

#[test]
fn what_is_written_is_read_again_and_never_replaced() {
    let folder = TempDir::new().unwrap();
    let keys = [
        ("derived", Keypair::from_uri("//Alice").unwrap()),
        ("phrase", Keypair::from_phrase(Scheme::Sr25519, &phrase()).unwrap()),
        ("edwards", Keypair::from_phrase(Scheme::Ed25519, &phrase()).unwrap()),
    ];
    for (name, key) in keys {
        let wallet = WalletPath::new(folder.path(), "w", name).unwrap();
        write_hotkey(&wallet, &key, None).unwrap();
        write_hotkey(&wallet, &key, None).unwrap();
        let read = load(&wallet).unwrap();
        assert_eq!((read.hotkey(), read.scheme()), (key.hotkey(), key.scheme()));
        assert_eq!(read.phrase(), key.phrase());
        assert_eq!(load_public(&wallet.hotkey()).unwrap(), key.hotkey());
        assert_eq!(load_public(&wallet.hotkey_public()).unwrap(), key.hotkey());
        let public = load_key(&wallet.hotkey_public(), &Passwords::default());
        assert!(matches!(public, Err(KeystoreError::PublicOnly { .. })));
        let other = Keypair::generate().unwrap();
        assert!(matches!(write_hotkey(&wallet, &other, None), Err(KeystoreError::Exists { .. })));
        assert_eq!(load(&wallet).unwrap().hotkey(), key.hotkey());
    }
    let files = fs::read_dir(folder.path().join("w/hotkeys")).unwrap().count();
    assert_eq!(files, 6, "temporary files were left behind");
}

/// A coldkey that was moved away leaves its public half, which tells whose wallet it is.
#[test]
fn a_public_half_that_stayed_alone_keeps_its_wallet() {
    let folder = TempDir::new().unwrap();
    let (wallet, key) = (wallet(&folder), Keypair::generate().unwrap());
    write_coldkey(&wallet, &key, None).unwrap();
    fs::remove_file(wallet.coldkey()).unwrap();
    let other = write_coldkey(&wallet, &Keypair::generate().unwrap(), None);
    assert!(matches!(other, Err(KeystoreError::Exists { existing, .. }) if existing == key.address()));
    let missing = load_coldkey(&wallet, &Passwords::default()).unwrap_err().to_string();
    assert!(missing.contains("no coldkey"), "{missing}");
    write_coldkey(&wallet, &key, None).unwrap();
    assert_eq!(load_coldkey(&wallet, &Passwords::default()).unwrap().hotkey(), key.hotkey());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let wallet = wallet(&folder);
    write_hotkey(&wallet, &Keypair::generate().unwrap(), None).unwrap();
    assert!(is_private(&wallet.hotkey()).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&wallet.hotkey()), mode(&wallet.hotkey_public())), (0o600, 0o600));
    fs::set_permissions(wallet.hotkey(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(!is_private(&wallet.hotkey()).unwrap());
    assert_eq!((mode(&wallet.folder()), mode(&wallet.folder().join("hotkeys"))), (0o700, 0o700));
}

#[test]
fn no_secret_is_printed() {
    let key = Keypair::from_phrase(Scheme::Sr25519, &phrase()).unwrap();
    let text = format!("{key:?}");
    assert!(text.contains(ADDRESS) && !text.contains(&SEED[..8]) && !text.contains(&private()[..8]), "{text}");
    assert!(!text.contains("abandon"), "{text}");
    let broken = format!(r#"{{"secretSeed":["{SEED}"]}}"#);
    let error = loaded(broken).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SEED));
}

#[test]
fn signatures_belong_to_key_and_message() {
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let (key, other) = (Keypair::seeded(scheme, &[1; 32]), Keypair::seeded(scheme, &[2; 32]));
        let signature = key.sign(b"message");
        assert!(verify(&key.hotkey(), b"message", &signature));
        assert!(scheme.verify(&key.hotkey(), b"message", &signature));
        assert!(!scheme.other().verify(&key.hotkey(), b"message", &signature));
        assert!(!verify(&key.hotkey(), b"massage", &signature));
        assert!(!verify(&other.hotkey(), b"message", &signature));
    }
}

#[test]
fn addresses_of_other_networks_and_broken_ones_are_no_keys() {
    for address in ["", "5EPC", "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", &ADDRESS.repeat(50)] {
        assert_eq!(parse_ss58(address), None, "{address}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_file_is_read_or_refused(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        // What is encrypted is the matter of other tests: a password costs a second.
        prop_assume!(Seal::of(&content).is_none());
        let _ = loaded(content);
    }

    #[test]
    fn any_key_survives_its_file(seed in any::<[u8; 32]>(), edwards in any::<bool>()) {
        let key = Keypair::seeded(if edwards { Scheme::Ed25519 } else { Scheme::Sr25519 }, &seed);
        let read = loaded(&*form::render(&key).unwrap()).unwrap();
        prop_assert_eq!((read.hotkey(), read.scheme(), read.private()), (key.hotkey(), key.scheme(), key.private()));
        prop_assert_eq!(form::parse_public(std::str::from_utf8(&form::render_public(&key.hotkey(), key.scheme()).unwrap()).unwrap()), Ok(key.hotkey()));
    }

    #[test]
    fn any_json_is_read_or_refused(name in "secretSeed|secretPhrase|privateKey|cryptoType|ss58Address| ss58Address", value in "\\PC{0,80}") {
        let _ = loaded(serde_json::json!({ name: value }).to_string());
    }
}
