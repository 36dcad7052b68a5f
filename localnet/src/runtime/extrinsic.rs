//! An extrinsic as it comes over the wire, in the form that is in force.
//!
//! FRAME's type keeps the call's bytes beside the call, because signatures and hashes are of the bytes. Here the bytes stay
//! those that were sent, while the call is what they mean to the native runtime.

use frame_support::{
    dispatch::{DispatchInfo, GetDispatchInfo},
    traits::{InherentBuilder, SignedTransactionBuilder},
};
use parity_scale_codec::{Decode, DecodeLimit as _, DecodeWithMemTracking, Encode, Error, Input};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_runtime::{
    OpaqueExtrinsic,
    generic::{self, Preamble},
    traits::{Checkable, ExtrinsicCall, ExtrinsicLike, ExtrinsicMetadata, LazyExtrinsic},
    transaction_validity::TransactionValidityError,
};

use super::{
    Address, RuntimeCall, Signature,
    extensions::TransactionExtensions,
    upgrade::{self, Dialect},
};

/// FRAME's own.
type Native = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TransactionExtensions>;

/// An extrinsic that was not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Serialize, Deserialize)]
pub struct UncheckedExtrinsic(Native);

impl UncheckedExtrinsic {
    /// A signed one.
    #[must_use]
    pub fn new_signed(call: RuntimeCall, signer: Address, signature: Signature, extra: TransactionExtensions) -> Self {
        Self(Native::new_signed(call, signer, signature, extra))
    }

    /// One without signature.
    #[must_use]
    pub fn new_bare(call: RuntimeCall) -> Self {
        Self(Native::new_bare(call))
    }

    /// An extrinsic without its length, whose call is in a dialect.
    fn translated(bytes: &[u8], dialect: &Dialect) -> Result<Self, Error> {
        let mut rest = bytes;
        let preamble = Preamble::decode_with_depth_limit(frame_support::MAX_EXTRINSIC_DEPTH, &mut rest)?;
        let native = dialect.native(rest).map_err(|error| Error::from("call").chain(error.to_string()))?;
        let call =
            RuntimeCall::decode_all_with_depth_limit(frame_support::MAX_EXTRINSIC_DEPTH, &mut native.as_slice())?;
        let extrinsic = Native::from_parts(call, preamble);
        Ok(Self(Native { encoded_call: Some(rest.to_vec()), encoded_len: Some(bytes.len()), ..extrinsic }))
    }
}

impl Decode for UncheckedExtrinsic {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        match Dialect::of(upgrade::form()) {
            None => Native::decode(input).map(Self),
            Some(dialect) => Self::translated(&Vec::<u8>::decode(input)?, dialect),
        }
    }
}

impl LazyExtrinsic for UncheckedExtrinsic {
    fn decode_unprefixed(data: &[u8]) -> Result<Self, Error> {
        match Dialect::of(upgrade::form()) {
            None => Native::decode_unprefixed(data).map(Self),
            Some(dialect) => Self::translated(data, dialect),
        }
    }
}

impl DecodeWithMemTracking for UncheckedExtrinsic {}

impl TypeInfo for UncheckedExtrinsic {
    type Identity = <Native as TypeInfo>::Identity;

    fn type_info() -> scale_info::Type {
        Native::type_info()
    }
}

impl From<UncheckedExtrinsic> for OpaqueExtrinsic {
    fn from(extrinsic: UncheckedExtrinsic) -> Self {
        extrinsic.0.into()
    }
}

impl ExtrinsicLike for UncheckedExtrinsic {
    fn is_bare(&self) -> bool {
        self.0.is_bare()
    }
}

impl ExtrinsicCall for UncheckedExtrinsic {
    type Call = RuntimeCall;

    fn call(&self) -> &RuntimeCall {
        self.0.call()
    }

    fn into_call(self) -> RuntimeCall {
        self.0.into_call()
    }
}

impl ExtrinsicMetadata for UncheckedExtrinsic {
    const VERSIONS: &'static [u8] = Native::VERSIONS;
    type TransactionExtensionPipelines = <Native as ExtrinsicMetadata>::TransactionExtensionPipelines;
}

impl InherentBuilder for UncheckedExtrinsic {
    fn new_inherent(call: RuntimeCall) -> Self {
        Self::new_bare(call)
    }
}

impl SignedTransactionBuilder for UncheckedExtrinsic {
    type Address = Address;
    type Extension = TransactionExtensions;
    type Signature = Signature;

    fn new_signed_transaction(
        call: RuntimeCall,
        signed: Address,
        signature: Signature,
        ext: TransactionExtensions,
    ) -> Self {
        Self::new_signed(call, signed, signature, ext)
    }
}

impl<Lookup> Checkable<Lookup> for UncheckedExtrinsic
where
    Native: Checkable<Lookup>,
{
    type Checked = <Native as Checkable<Lookup>>::Checked;

    fn check(self, lookup: &Lookup) -> Result<Self::Checked, TransactionValidityError> {
        self.0.check(lookup)
    }
}

impl GetDispatchInfo for UncheckedExtrinsic {
    fn get_dispatch_info(&self) -> DispatchInfo {
        self.0.get_dispatch_info()
    }
}
