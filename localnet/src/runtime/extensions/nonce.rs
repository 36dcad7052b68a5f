//! The nonce, for accounts without a balance too.

use frame_support::dispatch::{DispatchInfo, Pays, PostDispatchInfo};
use frame_system::ValidNonceInfo;
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{
    DispatchResult, Weight,
    traits::{AsSystemOriginSigner, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction},
};

use crate::runtime::{AccountId, Nonce, Runtime, RuntimeCall, RuntimeOrigin};

type Inner = frame_system::CheckNonce<Runtime>;

/// FRAME's nonce check, except that an account which nobody funded may send calls that pay no fee.
///
/// Hotkeys hold no balance and still set weights: their nonce lives in an account without providers.
#[derive(Clone, Debug, Encode, Decode, DecodeWithMemTracking, Eq, PartialEq, TypeInfo)]
pub struct CheckNonce(#[codec(compact)] pub Nonce);

impl TransactionExtension<RuntimeCall> for CheckNonce {
    const IDENTIFIER: &'static str = "CheckNonce";
    type Implicit = ();
    type Val = Option<AccountId>;
    type Pre = ();

    fn weight(&self, call: &RuntimeCall) -> Weight {
        Inner::from(self.0).weight(call)
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        _call: &RuntimeCall,
        info: &DispatchInfo,
        _len: usize,
        _self_implicit: Self::Implicit,
        _inherited_implication: &impl Encode,
        _source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let Some(who) = origin.as_system_origin_signer().cloned() else {
            return Ok((ValidTransaction::default(), None, origin));
        };
        let ValidNonceInfo { provides, requires } = nonce_info(&who, self.0, info.pays_fee)?;
        let validity = ValidTransaction { provides, requires, ..Default::default() };
        Ok((validity, Some(who), origin))
    }

    fn prepare(
        self,
        val: Self::Val,
        _origin: &RuntimeOrigin,
        _call: &RuntimeCall,
        _info: &DispatchInfo,
        _len: usize,
    ) -> Result<Self::Pre, TransactionValidityError> {
        val.map_or(Ok(()), |who| Inner::prepare_nonce_for_account(&who, self.0))
    }

    fn post_dispatch_details(
        (): Self::Pre,
        _info: &DispatchInfo,
        _post_info: &PostDispatchInfo,
        _len: usize,
        _result: &DispatchResult,
    ) -> Result<Weight, TransactionValidityError> {
        Ok(Weight::zero())
    }
}

fn nonce_info(who: &AccountId, nonce: Nonce, pays: Pays) -> Result<ValidNonceInfo, TransactionValidityError> {
    let account = frame_system::Account::<Runtime>::get(who);
    let unfunded = account.providers == 0 && account.sufficients == 0;
    if unfunded && pays == Pays::Yes {
        return Err(InvalidTransaction::Payment.into());
    }
    if nonce < account.nonce {
        return Err(InvalidTransaction::Stale.into());
    }
    let requires = (account.nonce < nonce).then(|| (who, nonce.saturating_sub(1)).encode());
    Ok(ValidNonceInfo { provides: vec![(who, nonce).encode()], requires: requires.into_iter().collect() })
}
