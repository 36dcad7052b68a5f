//! What can be wrong with keys, signatures, ciphertexts and payloads.

/// Why bytes were refused. No variant carries any of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The public key is not a point of G2, or is the identity.
    #[error("the beacon's public key is not a point of G2: read it again from the chain")]
    PublicKey,
    /// The signature is not a point of G1, or is the identity.
    #[error("the signature is not a point of G1: fetch the pulse of this round again")]
    Signature,
    /// The message is longer than [`crate::MAX_MESSAGE`].
    #[error("the message has {0} bytes; at most {max} fit: commit fewer weights", max = crate::MAX_MESSAGE)]
    MessageTooLong(usize),
    /// The ciphertext is longer than [`crate::MAX_CIPHERTEXT`].
    #[error("the ciphertext has {0} bytes; at most {max} are accepted", max = crate::MAX_CIPHERTEXT)]
    CiphertextTooLong(usize),
    /// The ciphertext does not have the prescribed form.
    #[error("the ciphertext is malformed: {0}")]
    Malformed(&'static str),
    /// The signature does not open the ciphertext: another round, another beacon, or bytes that were changed.
    #[error("the signature does not open the ciphertext: it was encrypted to another round or beacon, or was changed")]
    NotOpened,
    /// The decrypted bytes are no weights payload.
    #[error("the decrypted bytes are no weights payload")]
    Payload,
    /// The payload names another hotkey than the one that committed it.
    #[error("the payload was made by another hotkey than the one that committed it")]
    Hotkey,
    /// A step of the curve arithmetic that cannot fail did.
    #[error("no curve point for this input: report this with the round number")]
    Curve,
}
