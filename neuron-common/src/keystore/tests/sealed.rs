//! Encrypted files: what opens them, and that nothing else does.

use super::seal::{self, Unopened, nacl};
use super::*;

/// A key that took no second to derive.
fn key(byte: u8) -> nacl::Key {
    zeroize::Zeroizing::new([byte; 32])
}

fn password_file(folder: &TempDir, password: &str) -> Passwords {
    let path = folder.path().join("password");
    fs::write(&path, password).unwrap();
    Passwords::new(Some(&path))
}

#[test]
fn an_encrypted_wallet_is_read_again_by_its_password_alone() {
    let folder = TempDir::new().unwrap();
    let (wallet, key) = (wallet(&folder), Keypair::from_phrase(Scheme::Ed25519, &phrase()).unwrap());
    write_coldkey(&wallet, &key, Some(&Password::new("right"))).unwrap();
    let content = fs::read(wallet.coldkey()).unwrap();
    assert_eq!(Seal::of(&content), Some(Seal::Nacl));
    assert!(!content.windows(8).any(|part| part == &key.address().as_bytes()[..8]));
    let read = load_coldkey(&wallet, &password_file(&folder, "right\n")).unwrap();
    assert_eq!((read.hotkey(), read.phrase()), (key.hotkey(), key.phrase()));

    let error = load_coldkey(&wallet, &password_file(&folder, "wrong\n")).unwrap_err();
    assert!(matches!(error, KeystoreError::WrongPassword { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("wrong\n"));

    // The public half tells whose it is: the same key is left alone, another refused, without a password.
    write_coldkey(&wallet, &key, None).unwrap();
    assert_eq!(fs::read(wallet.coldkey()).unwrap(), content);
    let other = write_coldkey(&wallet, &Keypair::generate().unwrap(), None);
    assert!(matches!(other, Err(KeystoreError::Exists { .. })));
}

#[test]
fn without_a_password_the_variable_and_the_flag_are_named() {
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return println!("skipped: at a terminal the password is asked for");
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("coldkey");
    for start in ["$NACL", "$ANSIBLE_VAULT;1.1;AES256", "gAAAAAB"] {
        fs::write(&path, start).unwrap();
        let error = load_key(&path, &Passwords::default()).unwrap_err().to_string();
        assert!(error.contains(&variable(&path)) && error.contains("--password-file"), "{error}");
    }
}

/// The older forms: another password, a changed byte and a cut file are each told.
#[test]
fn damaged_vaults_are_refused() {
    let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wallets/legacy/vault")).unwrap();
    let open = |content: &[u8], password: &str| Seal::AnsibleVault.open(content, &Password::new(password)).map(drop);
    assert_eq!(open(&whole, "wrong"), Err(Unopened::Password));
    let password = include_str!("../../../tests/wallets/password").trim_end();
    assert_eq!(open(&whole, password), Ok(()));
    let mut changed = whole.clone();
    let last = changed.len() - 2;
    changed[last] = if changed[last] == b'1' { b'2' } else { b'1' };
    assert_eq!(open(&changed, password), Err(Unopened::Password));
    for length in [0, 20, 27, 40, 300] {
        assert!(matches!(open(&whole[..length], password), Err(Unopened::Form(_))), "{length}");
    }
    assert!(matches!(open(b"$ANSIBLE_VAULT;1.2;AES256;x\n00", password), Err(Unopened::Form(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_survives_its_seal(plain in proptest::collection::vec(any::<u8>(), 0..900), nonce in any::<[u8; 24]>()) {
        let sealed = nacl::close(&plain, &key(1), nonce).unwrap();
        prop_assert_eq!(sealed.len(), 5 + 24 + 16 + plain.len());
        prop_assert_eq!(&**nacl::open(&sealed, &key(1)).unwrap(), &plain[..]);
        prop_assert_eq!(nacl::open(&sealed, &key(2)), Err(Unopened::Password));
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_seen(at in 5_usize..845, bit in 0_u8..8, length in 0_usize..845) {
        let sealed = nacl::close(&[7; 800], &key(1), [3; 24]).unwrap();
        let mut changed = sealed.clone();
        changed[at] ^= 1 << bit;
        prop_assert_eq!(nacl::open(&changed, &key(1)), Err(Unopened::Password));
        let refused = nacl::open(&sealed[..length], &key(1)).unwrap_err();
        prop_assert_eq!(refused, if length < 29 { Unopened::Form("it is cut short") } else { Unopened::Password });
    }

    #[test]
    fn any_old_file_is_opened_or_refused(body in "\\PC{0,200}", hex in "[0-9a-f\n]{0,200}") {
        for text in [format!("$ANSIBLE_VAULT;1.1;AES256\n{body}"), format!("$ANSIBLE_VAULT;1.1;AES256\n{hex}")] {
            prop_assert!(seal::Seal::AnsibleVault.open(text.as_bytes(), &Password::new("x")).is_err());
        }
    }
}
