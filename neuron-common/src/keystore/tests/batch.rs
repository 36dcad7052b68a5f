//! Many signatures at once: the answer is that of each by itself.

use incentive::units::Hotkey;

use super::*;

/// `count` signed messages of `keys` keys, every seventh of ed25519.
struct Burst {
    keys: Vec<Keypair>,
    messages: Vec<Vec<u8>>,
    signatures: Vec<[u8; 64]>,
}

impl Burst {
    fn new(count: usize, keys: usize) -> Self {
        let keys: Vec<_> = (0..keys)
            .map(|number| {
                let scheme = if number % 7 == 6 { Scheme::Ed25519 } else { Scheme::Sr25519 };
                Keypair::seeded(scheme, &[u8::try_from(number).unwrap(); 32])
            })
            .collect();
        let keys: Vec<_> = (0..count).map(|index| keys[index % keys.len()].clone()).collect();
        let messages: Vec<_> = (0..count).map(|index| format!("message {index}").into_bytes()).collect();
        let signatures = keys.iter().zip(&messages).map(|(key, message)| key.sign(message)).collect();
        Self { keys, messages, signatures }
    }

    fn verdicts(&self) -> Vec<bool> {
        let items: Vec<_> = self
            .keys
            .iter()
            .zip(&self.messages)
            .zip(&self.signatures)
            .map(|((key, message), signature)| SignedMessage {
                signer: key.hotkey(),
                scheme: key.scheme(),
                message,
                signature,
            })
            .collect();
        let single: Vec<_> =
            items.iter().map(|item| item.scheme.verify(&item.signer, item.message, item.signature)).collect();
        let together = verify_batch(&items);
        assert_eq!(together, single);
        together
    }
}

#[test]
fn good_signatures_pass_together() {
    for (count, keys) in [(0, 1), (1, 1), (2, 1), (16, 16), (33, 5)] {
        assert!(Burst::new(count, keys).verdicts().into_iter().all(|good| good), "{count} of {keys}");
    }
}

#[test]
fn a_bad_signature_is_named_and_the_others_pass() {
    for spoilt in [0, 3, 6, 19] {
        let mut burst = Burst::new(20, 9);
        burst.messages[spoilt].push(b'!');
        let verdicts = burst.verdicts();
        assert!(verdicts.iter().enumerate().all(|(index, good)| *good != (index == spoilt)), "{spoilt}: {verdicts:?}");
    }
}

/// Two errors that cancel in a sum without random weights.
#[test]
fn errors_cannot_cancel() {
    let mut burst = Burst::new(2, 1);
    let shift = |signature: &mut [u8; 64], up: bool| {
        signature[32] = if up { signature[32].wrapping_add(1) } else { signature[32].wrapping_sub(1) };
    };
    shift(&mut burst.signatures[0], true);
    shift(&mut burst.signatures[1], false);
    assert_eq!(burst.verdicts(), [false, false]);
}

#[test]
fn a_key_that_is_no_point_spoils_only_its_own() {
    let mut burst = Burst::new(3, 3);
    let items = |burst: &Burst, broken: usize| {
        let item = |index: usize| SignedMessage {
            signer: if index == broken { Hotkey([0xff; 32]) } else { burst.keys[index].hotkey() },
            scheme: Scheme::Sr25519,
            message: &burst.messages[index],
            signature: &burst.signatures[index],
        };
        verify_batch(&[item(0), item(1), item(2)])
    };
    assert_eq!(items(&burst, 1), [true, false, true]);
    burst.signatures[2] = [0xff; 64];
    assert_eq!(items(&burst, 9), [true, true, false]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_damage_is_judged_as_singly(count in 1_usize..12, keys in 1_usize..9, damage in proptest::collection::vec((0_usize..12, 0_usize..64, 1_u8..), 0..4)) {
        let mut burst = Burst::new(count, keys);
        let mut spoilt = std::collections::BTreeSet::new();
        for (index, byte, flip) in damage {
            if let Some(signature) = burst.signatures.get_mut(index) && spoilt.insert(index) {
                signature[byte] ^= flip;
            }
        }
        let bad = burst.verdicts().iter().filter(|good| !**good).count();
        prop_assert_eq!(bad, spoilt.len());
    }
}
