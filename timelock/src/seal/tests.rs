use super::*;
use crate::SecretKey;
use proptest::prelude::*;

const RANDOM: [u8; RANDOMNESS] = [0x5a; RANDOMNESS];

fn beacon() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

fn sealed(message: &[u8], round: Round) -> Vec<u8> {
    encrypt(message, round, &beacon().public_key(), &RANDOM).unwrap()
}

#[test]
fn what_is_sealed_opens_with_the_signature_of_its_round_alone() {
    let ciphertext = sealed(b"hello", 42);
    assert_eq!(ciphertext.len(), 249);
    assert_eq!(decrypt(&ciphertext, &beacon().sign(42).unwrap()).unwrap(), b"hello");
    assert_eq!(decrypt(&ciphertext, &beacon().sign(43).unwrap()), Err(Error::NotOpened));
    let other = SecretKey::from_seed(&[4; 32]);
    assert_eq!(decrypt(&ciphertext, &other.sign(42).unwrap()), Err(Error::NotOpened));
}

#[test]
fn randomness_decides_and_each_part_of_it_matters() {
    let key = beacon().public_key();
    let seal = |random: &[u8; RANDOMNESS]| encrypt(b"hello", 42, &key, random).unwrap();
    assert_eq!(seal(&RANDOM), seal(&RANDOM));
    for at in [0, 32, 64, RANDOMNESS - 1] {
        let mut other = RANDOM;
        other[at] ^= 1;
        assert_ne!(seal(&other), seal(&RANDOM));
    }
}

#[test]
fn any_flipped_bit_is_noticed() {
    let signature = beacon().sign(42).unwrap();
    let ciphertext = sealed(b"hello", 42);
    for bit in 0..ciphertext.len() * 8 {
        let mut changed = ciphertext.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(decrypt(&changed, &signature).is_err(), "bit {bit}");
    }
}

#[test]
fn any_cut_or_addition_is_noticed() {
    let signature = beacon().sign(42).unwrap();
    let mut ciphertext = sealed(b"hello", 42);
    for length in 0..ciphertext.len() {
        assert!(matches!(decrypt(&ciphertext[..length], &signature), Err(Error::Malformed(_))), "{length} bytes");
    }
    ciphertext.push(0);
    assert_eq!(decrypt(&ciphertext, &signature), Err(Error::Malformed("bytes are left over")));
}

#[test]
fn the_longest_message_fits_and_no_longer_one() {
    let ciphertext = sealed(&[1; MAX_MESSAGE], 1);
    assert_eq!(ciphertext.len(), MAX_CIPHERTEXT);
    assert_eq!(decrypt(&ciphertext, &beacon().sign(1).unwrap()).unwrap(), [1; MAX_MESSAGE]);
    let key = beacon().public_key();
    let long = MAX_MESSAGE + 1;
    assert_eq!(encrypt(&vec![1; long], 1, &key, &RANDOM), Err(Error::MessageTooLong(long)));
    let long = vec![0; MAX_CIPHERTEXT + 1];
    assert_eq!(decrypt(&long, &beacon().sign(1).unwrap()), Err(Error::CiphertextTooLong(long.len())));
}

#[test]
fn a_length_that_points_beyond_the_end_allocates_nothing() {
    let signature = beacon().sign(42).unwrap();
    for at in [96, 136, 176, 184] {
        let mut changed = sealed(b"hello", 42);
        changed[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(decrypt(&changed, &signature), Err(Error::Malformed(_))), "length at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_message_goes_round(message in proptest::collection::vec(any::<u8>(), 0..2000), round: u64, random: [u8; 32]) {
        let mut randomness = RANDOM;
        randomness[..32].copy_from_slice(&random);
        let ciphertext = encrypt(&message, round, &beacon().public_key(), &randomness).unwrap();
        prop_assert_eq!(ciphertext.len(), message.len() + OVERHEAD);
        prop_assert_eq!(decrypt(&ciphertext, &beacon().sign(round).unwrap()), Ok(message));
    }

    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(decrypt(&noise, &beacon().sign(1).unwrap()).is_err());
    }
}
