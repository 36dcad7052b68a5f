//! Extrinsics built and signed without a client.

use localnet::{
    LocalNet,
    runtime::{RuntimeCall, Signature, UncheckedExtrinsic, extensions::immortal},
};
use parity_scale_codec::{Compact, Encode as _};
use sp_core::{Pair as _, sr25519::Pair};
use sp_keyring::Sr25519Keyring;
use sp_runtime::MultiAddress;

/// `call` signed by `who`, encoded.
pub fn signed(net: &LocalNet, who: Sr25519Keyring, nonce: u32, call: RuntimeCall) -> Vec<u8> {
    signed_by(net, &who.pair(), nonce, call)
}

/// `call` signed by a key, encoded.
pub fn signed_by(net: &LocalNet, who: &Pair, nonce: u32, call: RuntimeCall) -> Vec<u8> {
    let genesis = net.chain().genesis().hash;
    let version = net.chain().state(&net.chain().best()).version().expect("a version");
    // The implicit part: versions, genesis twice (an immortal era is born there), no metadata hash.
    let implicit = (version.spec_version, version.transaction_version, genesis, genesis, 0u8);
    let extra = immortal(nonce);
    let mut payload = (&call, &extra, implicit).encode();
    if payload.len() > 256 {
        payload = sp_crypto_hashing::blake2_256(&payload).to_vec();
    }
    let signature = Signature::Sr25519(who.sign(&payload));
    UncheckedExtrinsic::new_signed(call, MultiAddress::Id(who.public().0.into()), signature, extra).encode()
}

/// `System.remark` of so many bytes.
pub fn remark(bytes: usize) -> RuntimeCall {
    RuntimeCall::System(frame_system::Call::remark { remark: vec![0; bytes] })
}

/// A remark inside so many batches.
pub fn nested(depth: usize) -> RuntimeCall {
    (0..depth).fold(remark(0), |call, _| RuntimeCall::Utility(pallet_utility::Call::batch { calls: vec![call] }))
}

/// An extrinsic of batches so deep that decoding it naively overflows any stack; unsigned, as bytes.
pub fn bottomless(depth: usize) -> Vec<u8> {
    let mut body = vec![4];
    for _ in 0..depth {
        // Utility.batch with one call.
        body.extend([11, 0, 4]);
    }
    body.extend([0, 0, 0]);
    let mut extrinsic = Compact(u32::try_from(body.len()).expect("short")).encode();
    extrinsic.extend(body);
    extrinsic
}
