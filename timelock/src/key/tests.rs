use super::*;
use crate::Beacon;

/// Quicknet's signature of round 1000, as published by drand.
const ROUND_1000: [u8; 96] =
    *b"b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

fn round_1000() -> Signature {
    Signature::from_bytes(&hex::decode(ROUND_1000).unwrap().try_into().unwrap()).unwrap()
}

#[test]
fn a_real_pulse_verifies_and_only_for_its_round_and_beacon() {
    let quicknet = Beacon::quicknet().unwrap();
    assert!(round_1000().verify(&quicknet.public_key, 1000));
    assert!(!round_1000().verify(&quicknet.public_key, 999));
    assert!(!round_1000().verify(&SecretKey::from_seed(&[7; 32]).public_key(), 1000));
}

#[test]
fn an_own_beacon_signs() {
    let secret = SecretKey::from_seed(&[1; 32]);
    let signature = secret.sign(5).unwrap();
    assert!(signature.verify(&secret.public_key(), 5));
    assert!(!signature.verify(&secret.public_key(), 6));
    assert!(!SecretKey::from_seed(&[2; 32]).sign(5).unwrap().verify(&secret.public_key(), 5));
}

#[test]
fn bytes_go_round() {
    let key = SecretKey::from_seed(&[1; 32]).public_key();
    assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
    assert_eq!(Signature::from_bytes(&round_1000().to_bytes()), Ok(round_1000()));
    assert_eq!(hex::encode(round_1000().to_bytes()).as_bytes(), ROUND_1000);
}

#[test]
fn identities_and_noise_are_refused() {
    let mut identity = [0; PublicKey::LEN];
    identity[0] = 0xc0;
    assert_eq!(PublicKey::from_bytes(&identity), Err(Error::PublicKey));
    assert_eq!(PublicKey::from_bytes(&[0xff; PublicKey::LEN]), Err(Error::PublicKey));
    let mut identity = [0; Signature::LEN];
    identity[0] = 0xc0;
    assert_eq!(Signature::from_bytes(&identity), Err(Error::Signature));
    assert_eq!(Signature::from_bytes(&[0; Signature::LEN]), Err(Error::Signature));
}

#[test]
fn points_outside_the_prime_order_group_are_refused() {
    // x = 4 is on the curve of G1 and, as almost every point of the curve, not in the group.
    let outside = G1Affine::get_point_from_x_unchecked(4u64.into(), false).unwrap();
    assert!(outside.is_on_curve() && !outside.is_in_correct_subgroup_assuming_on_curve());
    assert_eq!(Signature::from_bytes(&compressed(&outside)), Err(Error::Signature));
}

#[test]
fn a_secret_does_not_print() {
    assert_eq!(format!("{:?}", SecretKey::from_seed(&[9; 32])), "SecretKey(..)");
}
