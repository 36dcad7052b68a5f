//! Checks before an extrinsic enters the pool. They carry no bytes; the metadata names them.

use frame_support::{dispatch::DispatchInfo, traits::Contains as _};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{
    impl_tx_ext_default,
    traits::{AsSystemOriginSigner, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

use crate::runtime::{AccountId, Runtime, RuntimeCall, RuntimeOrigin, SubtensorModule, filter::CallFilter};

macro_rules! extension {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Encode, Decode, DecodeWithMemTracking, Eq, PartialEq, TypeInfo)]
        pub struct $name;
    };
    ($(#[$doc:meta])* $name:ident passes) => {
        extension!($(#[$doc])* $name);

        impl TransactionExtension<RuntimeCall> for $name {
            const IDENTIFIER: &'static str = stringify!($name);
            type Implicit = ();
            type Val = ();
            type Pre = ();
            impl_tx_ext_default!(RuntimeCall; weight validate prepare);
        }
    };
}

extension! {
    /// Only the sudo key sends sudo calls.
    SudoTransactionExtension
}
extension! {
    /// Shielded extrinsics do not exist here; kept for its place in the list.
    CheckShieldedTxValidity passes
}
extension! {
    /// Refuses what a pallet would refuse anyway, before it costs a block's space, and calls that are never dispatched.
    SubtensorTransactionExtension
}
extension! {
    /// Pulses come in unsigned, without extensions; kept for its place in the list.
    DrandPriority passes
}

impl TransactionExtension<RuntimeCall> for SudoTransactionExtension {
    const IDENTIFIER: &'static str = "SudoTransactionExtension";
    type Implicit = ();
    type Val = ();
    type Pre = ();
    impl_tx_ext_default!(RuntimeCall; weight prepare);

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        _info: &DispatchInfo,
        _len: usize,
        _self_implicit: Self::Implicit,
        _inherited_implication: &impl Encode,
        _source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let allowed = match (call, origin.as_system_origin_signer()) {
            (RuntimeCall::Sudo(_), Some(who)) => pallet_sudo::Key::<Runtime>::get().as_ref() == Some(who),
            _ => true,
        };
        if !allowed {
            return Err(InvalidTransaction::BadSigner.into());
        }
        Ok((ValidTransaction::default(), (), origin))
    }
}

impl TransactionExtension<RuntimeCall> for SubtensorTransactionExtension {
    const IDENTIFIER: &'static str = "SubtensorTransactionExtension";
    type Implicit = ();
    type Val = ();
    type Pre = ();
    impl_tx_ext_default!(RuntimeCall; weight prepare);

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        _info: &DispatchInfo,
        _len: usize,
        _self_implicit: Self::Implicit,
        _inherited_implication: &impl Encode,
        _source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        if !CallFilter::contains(call) {
            return Err(InvalidTransaction::Call.into());
        }
        if let Some(who) = origin.as_system_origin_signer() {
            admit(who, call).map_err(InvalidTransaction::Custom)?;
        }
        Ok((ValidTransaction::default(), (), origin))
    }
}

/// The code with which the pool refuses a signer's call; `InvalidTransaction::Custom` on the wire.
///
/// # Errors
/// The code.
pub fn admit(who: &AccountId, call: &RuntimeCall) -> Result<(), u8> {
    SubtensorModule::admit_coldkey(who)?;
    match call {
        RuntimeCall::SubtensorModule(call) => SubtensorModule::admit(who, call),
        _ => Ok(()),
    }
}
