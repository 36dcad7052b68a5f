use std::fs;

use proptest::prelude::*;
use sp_core::ed25519;
use tempfile::TempDir;

use super::*;

const ADDRESS: &str = "5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgH";
const PUBLIC: &str = "66933bd1f37070ef87bd1198af3dacceb095237f803f3d32b173e6b425ed7972";
const SEED: &str = "4ed8d4b17698ddeaa1f1559f152f87b5d472f725ca86d341bd0276f1b61197e2";

fn phrase() -> String {
    format!("{}about", "abandon ".repeat(11))
}

fn private() -> String {
    hex::encode(Keypair::from_phrase(&phrase()).unwrap().pair.to_raw_vec())
}

fn wallet(folder: &TempDir) -> WalletPath {
    WalletPath::new(folder.path(), "alice", "hot").unwrap()
}

/// Writes `content` as a key file and loads it.
fn loaded(content: impl AsRef<[u8]>) -> Result<Keypair, KeystoreError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, content).unwrap();
    load_key(&path)
}

#[test]
fn the_known_phrase_gives_the_known_key() {
    let key = Keypair::from_phrase(&phrase()).unwrap();
    assert_eq!(hex::encode(key.hotkey().0), PUBLIC);
    assert_eq!(ss58(&key.hotkey()), ADDRESS);
    assert_eq!(parse_ss58(ADDRESS), Some(key.hotkey()));
    assert_eq!(hex::encode(key.seed.as_ref().unwrap().as_ref()), SEED);
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
    assert!(matches!(loaded("$NACL\x00\u{1}"), Err(E::Encrypted { format: "NaCl", .. })));
    assert!(matches!(loaded(b"$NACL\xff\xfe"), Err(E::Encrypted { .. })));
    assert!(matches!(loaded("$ANSIBLE_VAULT;1.1;AES256"), Err(E::Encrypted { format: "Ansible Vault", .. })));
    assert!(matches!(loaded("gAAAAABk"), Err(E::Encrypted { format: "Fernet", .. })));
    assert!(matches!(loaded(polkadot), Err(E::Format { reason: "it is a polkadot.js export", .. })));
    assert!(matches!(loaded(format!(r#"{{"ss58Address":"{ADDRESS}"}}"#)), Err(E::PublicOnly { .. })));
    assert!(matches!(loaded("abandon abandon"), Err(E::Format { .. })));
    assert!(matches!(loaded(""), Err(E::Format { .. })));
    assert!(matches!(loaded(b"\xff\xff"), Err(E::Format { .. })));
    assert!(matches!(loaded(r#"{"secretSeed":"0x00"}"#), Err(E::Format { .. })));
    assert!(matches!(loaded("a".repeat(20_000)), Err(E::TooLarge { .. })));
}

#[test]
fn an_address_that_the_secret_does_not_derive_is_refused() {
    let bob = ss58(&Keypair::from_uri("//Bob").unwrap().hotkey());
    let error = loaded(format!(r#"{{"secretSeed":"{SEED}","ss58Address":"{bob}"}}"#)).unwrap_err();
    assert!(
        matches!(&error, KeystoreError::AddressMismatch { stated, derived, .. } if *stated == bob && derived == ADDRESS)
    );
    let mut seed = [0; 32];
    hex::decode_to_slice(SEED, &mut seed).unwrap();
    let edwards = ed25519::Pair::from_seed(&seed).public().to_ss58check_with_version(SS58_FORMAT.into());
    let error = loaded(format!(r#"{{"secretSeed":"{SEED}","ss58Address":"{edwards}"}}"#)).unwrap_err();
    assert!(matches!(error, KeystoreError::Ed25519 { .. }), "{error}");
}

#[test]
fn a_missing_wallet_names_the_path_and_the_flags() {
    let folder = TempDir::new().unwrap();
    let error = load_hotkey(&wallet(&folder)).unwrap_err().to_string();
    assert!(error.contains(&wallet(&folder).hotkey().display().to_string()), "{error}");
    for flag in ["--wallet", "--hotkey", "--wallet-path"] {
        assert!(error.contains(flag), "{error}");
    }
}

#[test]
fn what_is_written_is_read_again_and_never_replaced() {
    let folder = TempDir::new().unwrap();
    for uri in ["//Alice", &phrase()] {
        let wallet = WalletPath::new(folder.path(), "w", if uri.len() > 10 { "phrase" } else { "derived" }).unwrap();
        let key = Keypair::from_uri(uri).unwrap();
        write_hotkey(&wallet, &key).unwrap();
        write_hotkey(&wallet, &key).unwrap();
        assert_eq!(load_hotkey(&wallet).unwrap().hotkey(), key.hotkey());
        assert_eq!(load_public(&wallet.hotkey()).unwrap(), key.hotkey());
        assert_eq!(load_public(&wallet.hotkey_public()).unwrap(), key.hotkey());
        assert!(matches!(load_key(&wallet.hotkey_public()), Err(KeystoreError::PublicOnly { .. })));
        let other = Keypair::generate().unwrap();
        assert!(matches!(write_hotkey(&wallet, &other), Err(KeystoreError::Exists { .. })));
        assert_eq!(load_hotkey(&wallet).unwrap().hotkey(), key.hotkey());
    }
    let files = fs::read_dir(folder.path().join("w/hotkeys")).unwrap().count();
    assert_eq!(files, 4, "temporary files were left behind");
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let wallet = wallet(&folder);
    write_hotkey(&wallet, &Keypair::generate().unwrap()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&wallet.hotkey()), mode(&wallet.hotkey_public())), (0o600, 0o600));
    assert_eq!((mode(&wallet.folder()), mode(&wallet.folder().join("hotkeys"))), (0o700, 0o700));
}

#[test]
fn no_secret_is_printed() {
    let key = Keypair::from_phrase(&phrase()).unwrap();
    let text = format!("{key:?}");
    assert!(text.contains(ADDRESS) && !text.contains(&SEED[..8]) && !text.contains(&private()[..8]), "{text}");
    let broken = format!(r#"{{"secretSeed":["{SEED}"]}}"#);
    let error = loaded(broken).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SEED));
}

#[test]
fn signatures_belong_to_key_and_message() {
    let (key, other) = (Keypair::generate().unwrap(), Keypair::generate().unwrap());
    let signature = key.sign(b"message");
    assert!(verify(&key.hotkey(), b"message", &signature));
    assert!(!verify(&key.hotkey(), b"massage", &signature));
    assert!(!verify(&other.hotkey(), b"message", &signature));
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
        let _ = loaded(content);
    }

    #[test]
    fn any_json_is_read_or_refused(name in "secretSeed|secretPhrase|privateKey|ss58Address| ss58Address", value in "\\PC{0,80}") {
        let _ = loaded(serde_json::json!({ name: value }).to_string());
    }
}
