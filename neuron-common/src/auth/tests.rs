use super::*;

/// The key of the phrase "abandon … about", and a receiver.
fn keys() -> (Keypair, Keypair) {
    let phrase = format!("{}about", "abandon ".repeat(11));
    (Keypair::from_phrase(Scheme::Sr25519, &phrase).unwrap(), Keypair::from_uri("//Bob").unwrap())
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

const NOW: u64 = 1_800_000_000;
const TARGET: &str = "/v1/compute/window";
const BODY: &[u8] = b"hello";
/// What Bittensor's own wallet library (4.1.1) signs as the sender for this target and body at this time.
const VECTOR: &str = "0xdc0b178bac1fab7fd10e90c1c5589af0aa1a32e3e09f988f86cec2571e0f8d1f\
     23683458d78dd1fd1e89dae9c4a8b38d9b076ad5382132eb17ed8a1692ea6e8b";

fn signed() -> (HeaderMap, Verifier, Hotkey) {
    let (sender, receiver) = keys();
    let headers = sign(&sender, "POST", TARGET, BODY, &receiver.hotkey(), at(NOW));
    (headers, Verifier::new(receiver.hotkey()), sender.hotkey())
}

#[test]
fn the_signed_text_is_these_eight_lines() {
    let (sender, receiver) = keys();
    let (sender, receiver) = (ss58(&sender.hotkey()), ss58(&receiver.hotkey()));
    let signed = Signed {
        scheme: Scheme::Sr25519,
        method: "post",
        target: "/v1/x?y=1",
        body: BODY,
        nonce: "1800000000000000000",
        sender: &sender,
        receiver: &receiver,
    };
    assert_eq!(
        signed.text(),
        "btauth/1\nsr25519\nPOST\n/v1/x?y=1\n\
         2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n1800000000000000000\n\
         5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgH\n5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
    );
}

#[test]
fn a_signed_request_is_accepted_once() {
    let (headers, verifier, sender) = signed();
    assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Ok(sender));
    assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW + 1)), Err(AuthError::Replayed));
}

#[test]
fn age_and_lead_are_bounded_to_the_nanosecond() {
    for (now, expected) in [
        (at(NOW + 10), Ok(())),
        (at(NOW + 10) + Duration::from_nanos(1), Err(AuthError::Stale)),
        (at(NOW - 2), Ok(())),
        (at(NOW - 2) - Duration::from_nanos(1), Err(AuthError::Stale)),
    ] {
        let (headers, verifier, _) = signed();
        assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, now).map(drop), expected);
    }
}

#[test]
fn every_signed_part_counts_and_a_failure_is_not_remembered() {
    let (headers, verifier, sender) = signed();
    for (method, target, body) in
        [("GET", TARGET, BODY), ("POST", "/v1/compute/open", BODY), ("POST", TARGET, b"hellO".as_slice())]
    {
        assert_eq!(verifier.verify(method, target, &headers, body, at(NOW)), Err(AuthError::BadSignature));
    }
    let mut other_sender = headers.clone();
    other_sender.insert(HOTKEY, HeaderValue::from_str(&ss58(&keys().1.hotkey())).unwrap());
    assert_eq!(verifier.verify("POST", TARGET, &other_sender, BODY, at(NOW)), Err(AuthError::BadSignature));
    let mut other_nonce = headers.clone();
    other_nonce.insert(NONCE, HeaderValue::from_str(&format!("{NOW}000000001")).unwrap());
    assert_eq!(verifier.verify("POST", TARGET, &other_nonce, BODY, at(NOW)), Err(AuthError::BadSignature));
    assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Ok(sender));
}

#[test]
fn a_request_for_another_or_for_anybody_is_refused() {
    let (mut headers, _, sender) = signed();
    let other = Verifier::new(sender);
    assert_eq!(other.verify("POST", TARGET, &headers, BODY, at(NOW)), Err(AuthError::WrongReceiver));
    let (_, verifier, _) = signed();
    headers.remove(RECEIVER);
    assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Err(AuthError::WrongReceiver));
}

#[test]
fn headers_out_of_form_are_malformed() {
    let cases: [(&HeaderName, &str); 13] = [
        (&VERSION, "2"),
        (&VERSION, ""),
        (&HOTKEY, "5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgX"),
        (&HOTKEY, "nobody"),
        // A valid address in Polkadot's own format.
        (&HOTKEY, "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"),
        (&NONCE, "-1"),
        (&NONCE, "+1"),
        (&NONCE, ""),
        (&NONCE, "99999999999999999999"),
        (&SIGNATURE, "0x00"),
        (&SIGNATURE, "zz"),
        (&CRYPTO, "ecdsa"),
        (&CRYPTO, "2"),
    ];
    for (name, value) in cases {
        let (mut headers, verifier, _) = signed();
        headers.insert(name.clone(), HeaderValue::from_str(value).unwrap());
        assert_eq!(
            verifier.verify("POST", TARGET, &headers, BODY, at(NOW)),
            Err(AuthError::Malformed),
            "{name} {value}"
        );
    }
    for name in [VERSION, HOTKEY, NONCE, SIGNATURE] {
        let (mut headers, verifier, _) = signed();
        headers.remove(&name);
        assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Err(AuthError::Malformed), "no {name}");
        let (mut headers, verifier, _) = signed();
        headers.append(&name, headers[&name].clone());
        assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Err(AuthError::Malformed), "two {name}");
    }
}

#[test]
fn an_ed25519_sender_names_its_scheme_and_is_judged_by_it() {
    let (sender, receiver) = (Keypair::seeded(Scheme::Ed25519, &[7; 32]), keys().1.hotkey());
    let signed = sign(&sender, "POST", TARGET, BODY, &receiver, at(NOW));
    // Made by `bittensor.http_auth.sign` 11.3.0 of the same key; ed25519 always signs the same.
    assert_eq!(
        signed[SIGNATURE].to_str().unwrap(),
        "0x7ee923568458bf53985c85c3bc3199bfafa2723653ae0c7526462fd679823f0b\
         e15b7546e78d14ab05904476415b3b4ee10d2ce782d9e6ca53c62d0c1bdf8209"
    );
    assert_eq!(signed[CRYPTO], "ed25519");
    let outcome = |crypto: Option<&'static str>| {
        let mut headers = signed.clone();
        headers.remove(CRYPTO);
        if let Some(crypto) = crypto {
            headers.insert(CRYPTO, HeaderValue::from_static(crypto));
        }
        let (alone, burst) = (Verifier::new(receiver), Verifier::new(receiver));
        let request = Request { method: "POST", target: TARGET, headers: &headers, body: BODY };
        let outcome = alone.verify("POST", TARGET, &headers, BODY, at(NOW));
        assert_eq!(burst.verify_burst(&[request], at(NOW)), [outcome]);
        outcome
    };
    assert_eq!(outcome(Some("ed25519")), Ok(sender.hotkey()));
    assert_eq!(outcome(Some("0")), Ok(sender.hotkey()));
    assert_eq!(outcome(Some("sr25519")), Err(AuthError::BadSignature));
    assert_eq!(outcome(None), Err(AuthError::BadSignature));
}

#[test]
fn a_burst_is_judged_request_by_request() {
    let (_, receiver) = keys();
    let senders: Vec<_> = (0..9).map(|number| Keypair::from_seed(&[number; 32])).collect();
    let mut headers: Vec<_> = senders
        .iter()
        .map(|sender| sign(sender, "POST", TARGET, BODY, &receiver.hotkey(), at(NOW)))
        .chain([sign(&senders[0], "POST", TARGET, b"another body", &receiver.hotkey(), at(NOW + 1))])
        .chain([sign(&senders[0], "POST", TARGET, BODY, &senders[1].hotkey(), at(NOW))])
        .chain([sign(&senders[0], "POST", TARGET, BODY, &receiver.hotkey(), at(NOW - 11))])
        .collect();
    headers.push(headers[4].clone());
    headers.push(HeaderMap::new());
    let requests: Vec<_> =
        headers.iter().map(|headers| Request { method: "POST", target: TARGET, headers, body: BODY }).collect();
    let verifier = Verifier::new(receiver.hotkey());
    let outcomes = verifier.verify_burst(&requests, at(NOW));
    let mut expected: Vec<_> = senders.iter().map(|sender| Ok(sender.hotkey())).collect();
    expected.extend([
        Err(AuthError::BadSignature),
        Err(AuthError::WrongReceiver),
        Err(AuthError::Stale),
        Err(AuthError::Replayed),
        Err(AuthError::Malformed),
    ]);
    assert_eq!(outcomes, expected);
    let again = verifier.verify_burst(&requests[..9], at(NOW));
    assert_eq!(again, vec![Err(AuthError::Replayed); 9]);
}

/// Signatures are randomised, so the vector is one to verify.
#[test]
fn a_recorded_request_verifies() {
    let (_, verifier, sender) = signed();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (VERSION, "1"),
        (HOTKEY, "5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgH"),
        (NONCE, "1800000000000000000"),
        (SIGNATURE, VECTOR),
        (RECEIVER, "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    assert_eq!(verifier.verify("POST", TARGET, &headers, BODY, at(NOW)), Ok(sender));
}

#[test]
fn errors_have_statuses_and_say_nothing_of_the_request() {
    use AuthError as E;
    for (error, status) in [
        (E::Malformed, 401),
        (E::WrongReceiver, 421),
        (E::Stale, 401),
        (E::BadSignature, 401),
        (E::Replayed, 401),
        (E::Flooded, 429),
    ] {
        assert_eq!(error.status(), status);
        assert!(!error.to_string().contains("0x"));
    }
}
