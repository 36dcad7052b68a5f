//! Why the chain does not take an extrinsic: a closed set, and for each member what to do about it.
//!
//! [`Cause`] is the one table. Whatever a node or a runtime says is looked up in it by name and never compared as text
//! anywhere else; what the table does not know is [`Cause::Unknown`], which is given up with the chain's own words.

/// What to do after a refusal or a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Submit the same bytes again: they are on their way, or the pool will take them later.
    Resend,
    /// Sign anew at once: the chain has changed since, and other bytes would be taken.
    SignAnew,
    /// Submit again when the limit of the call is over.
    Wait,
    /// Do not try again in this epoch: somebody has to act.
    GiveUp,
}

macro_rules! causes {
    ($($name:ident $reaction:ident $advice:literal)*) => {
        /// Why the chain does not take an extrinsic. The names are the chain's own: of the pool's answers, of
        /// `CustomTransactionError`, or of a pallet's errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause {
            $(#[doc = concat!("Remedy: ", $advice, ".")] $name,)*
        }

        impl Cause {
            /// Every cause: the closed set of metric labels.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The chain's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// What a program does about it.
            #[must_use]
            pub const fn reaction(self) -> Reaction {
                match self { $(Self::$name => Reaction::$reaction),* }
            }

            /// What a person does about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice),* }
            }
        }
    };
}

causes! {
    // The pool, whatever the call is. What was seen before may be in a block: the blocks tell.
    AlreadyImported Resend "wait for its block"
    TemporarilyBanned Resend "the pool has seen it before; wait for its block or its end"
    Stale Resend "wait: a block holds it, or another extrinsic of the same number"
    AncientBirthBlock Resend "wait until its lifetime is over"
    Future Resend "wait for the extrinsics before it"
    PriorityTooLow Resend "an extrinsic with the same nonce is waiting already; wait for its block"
    PoolFull Resend "the node's pool is full; try again later"
    ExhaustsResources Resend "the next block is full; try again later"
    BadProof SignAnew "the runtime was upgraded while signing, or it is another chain; sign it anew"
    Invalid SignAnew "the chain has changed since it was signed (nonce, stake or runtime); sign it anew"
    Payment GiveUp "the signer cannot pay the fee; send it some TAO"
    BadSigner GiveUp "sign with the key that may do this (the subnet's owner, or the sudo key)"
    CallNotExpected GiveUp "the runtime does not take this call; install a release that supports it"

    // Subtensor's codes of the pool.
    ColdkeyInSwapSchedule GiveUp "the coldkey is being swapped; wait until that is done"
    StakeAmountTooLow GiveUp "stake more on this hotkey: it is below the subnet's threshold or the amount too small"
    BalanceTooLow GiveUp "send more TAO to the coldkey"
    SubnetNotExists GiveUp "check `netuid`"
    HotkeyAccountDoesntExist GiveUp "register the hotkey first, and check that wallet and hotkey are the right ones"
    NotEnoughStakeToWithdraw GiveUp "unstake less"
    RateLimitExceeded Wait "wait until the rate limit of this call is over; nothing is lost"
    InsufficientLiquidity GiveUp "use a smaller amount"
    SlippageTooHigh GiveUp "use a smaller amount or a wider limit"
    TransferDisallowed GiveUp "the subnet's owner has switched transfers off"
    HotKeyNotRegisteredInNetwork GiveUp "register the hotkey on this subnet, and check `netuid` and hotkey"
    InvalidIpAddress GiveUp "announce the address that is reachable from outside"
    ServingRateLimitExceeded Wait "the address was announced a short time ago; wait about 50 blocks"
    InvalidPort GiveUp "announce the port that is reachable from outside"
    ZeroMaxAmount GiveUp "nothing can be traded within this limit price"
    InvalidRevealRound SignAnew "compute the reveal round anew"
    CommitNotFound GiveUp "commit weights before revealing them"
    CommitBlockNotInRevealRange GiveUp "reveal in the epoch after the commitment"
    InputLengthsUnequal GiveUp "give lists of the same length"
    UidNotFound SignAnew "the uid is not on the subnet; read the metagraph again"
    EvmKeyAssociateRateLimitExceeded Wait "wait until the rate limit is over"
    ColdkeySwapDisputed GiveUp "the swap of the coldkey is disputed; settle that first"
    InvalidRealAccount GiveUp "check the proxied account"
    FailedShieldedTxParsing GiveUp "encrypt the extrinsic anew"
    InvalidShieldedTxPubKeyHash GiveUp "encrypt the extrinsic anew with the current key"
    NonAssociatedColdKey GiveUp "sign with the coldkey that owns this hotkey"
    DelegateTakeTooLow GiveUp "give a higher take"
    DelegateTakeTooHigh GiveUp "give a lower take"
    BadRequest SignAnew "the call does not fit the subnet's state; read the metagraph again"

    // Errors of the pallet, in the block.
    SettingWeightsTooFast Wait "wait until WeightsSetRateLimit blocks have passed"
    CommittingWeightsTooFast Wait "wait until WeightsSetRateLimit blocks have passed"
    TooManyUnrevealedCommits GiveUp "ten commitments of this hotkey wait in this epoch already; stop what else commits with it"
    IncorrectCommitRevealVersion SignAnew "the chain has changed the version of commitments; seal the weights anew"
    CommitRevealEnabled SignAnew "the subnet has switched commit-reveal on; seal the weights"
    CommitRevealDisabled SignAnew "the subnet has switched commit-reveal off; send the weights openly"
    UidVecContainInvalidOne SignAnew "the subnet has changed since the weights were made; read the metagraph again"
    UidsLengthExceedUidsInSubNet SignAnew "the subnet has changed since the weights were made; read the metagraph again"
    NeuronNoValidatorPermit GiveUp "this hotkey holds no validator permit yet: it needs more stake and an epoch"
    NotEnoughStakeToSetWeights GiveUp "stake more on this hotkey"
    HotKeyNotRegisteredInSubNet GiveUp "register the hotkey on this subnet, and check `netuid` and hotkey"
    IncorrectWeightVersionKey GiveUp "the subnet asks for a newer release of the validator; upgrade"
    WeightVecLengthIsLow GiveUp "the subnet demands weights of more neurons (MinAllowedWeights); ask its owner"
    NotEnoughBalanceToStake GiveUp "send more TAO to the coldkey"
    CannotAffordLockCost GiveUp "send more TAO to the coldkey"
    HotKeyAlreadyRegisteredInSubNet GiveUp "nothing to do: it is registered"
    RegistrationPriceLimitExceeded GiveUp "the price has risen above the limit; give a higher limit or wait"
    AdminActionProhibitedDuringWeightsWindow Wait "wait for the next epoch: the last blocks before it are frozen"
    BadOrigin GiveUp "sign with the key that may do this (the subnet's owner, or the sudo key)"
    SubtokenDisabled GiveUp "start the subnet first (start_call)"

    Unknown GiveUp "see the chain's documentation of this error"
}

/// `CustomTransactionError` of subtensor, by the number in `InvalidTransaction::Custom`.
const CUSTOM: [(u8, Cause); 29] = [
    (0, Cause::ColdkeyInSwapSchedule),
    (1, Cause::StakeAmountTooLow),
    (2, Cause::BalanceTooLow),
    (3, Cause::SubnetNotExists),
    (4, Cause::HotkeyAccountDoesntExist),
    (5, Cause::NotEnoughStakeToWithdraw),
    (6, Cause::RateLimitExceeded),
    (7, Cause::InsufficientLiquidity),
    (8, Cause::SlippageTooHigh),
    (9, Cause::TransferDisallowed),
    (10, Cause::HotKeyNotRegisteredInNetwork),
    (11, Cause::InvalidIpAddress),
    (12, Cause::ServingRateLimitExceeded),
    (13, Cause::InvalidPort),
    (14, Cause::ZeroMaxAmount),
    (15, Cause::InvalidRevealRound),
    (16, Cause::CommitNotFound),
    (17, Cause::CommitBlockNotInRevealRange),
    (18, Cause::InputLengthsUnequal),
    (19, Cause::UidNotFound),
    (20, Cause::EvmKeyAssociateRateLimitExceeded),
    (21, Cause::ColdkeySwapDisputed),
    (22, Cause::InvalidRealAccount),
    (23, Cause::FailedShieldedTxParsing),
    (24, Cause::InvalidShieldedTxPubKeyHash),
    (25, Cause::NonAssociatedColdKey),
    (26, Cause::DelegateTakeTooLow),
    (27, Cause::DelegateTakeTooHigh),
    (255, Cause::BadRequest),
];

/// What Substrate writes for the other kinds of `InvalidTransaction` (sp-runtime, `transaction_validity`).
const TEXTS: [(&str, Cause); 8] = [
    ("Transaction is outdated", Cause::Stale),
    ("Transaction has an ancient birth block", Cause::AncientBirthBlock),
    ("Transaction has a bad signature", Cause::BadProof),
    ("Transaction will be valid in the future", Cause::Future),
    ("Transaction would exhaust the block limits", Cause::ExhaustsResources),
    ("Inability to pay some fees (e.g. account balance too low)", Cause::Payment),
    ("Invalid signing address", Cause::BadSigner),
    ("Transaction call is not expected", Cause::CallNotExpected),
];

impl Cause {
    /// The cause of this name; [`Cause::Unknown`] if the table has none.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        Self::ALL.iter().copied().find(|cause| cause.name() == name).unwrap_or(Self::Unknown)
    }

    /// The cause of a number in `InvalidTransaction::Custom`; [`Cause::Unknown`] if subtensor has none.
    #[must_use]
    pub fn of_custom(code: u8) -> Self {
        CUSTOM.iter().find(|(known, _)| *known == code).map_or(Self::Unknown, |(_, cause)| *cause)
    }

    /// The cause of Substrate's words for an invalid transaction; [`Cause::Unknown`] for others.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        TEXTS.iter().find(|(known, _)| text.starts_with(known)).map_or(Self::Unknown, |(_, cause)| *cause)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_leads_back_to_its_cause() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        assert!(Cause::ALL.iter().all(|cause| Cause::of_name(cause.name()) == *cause && !cause.advice().is_empty()));
        assert_eq!(Cause::of_name("SomethingNew"), Cause::Unknown);
        assert_eq!(Cause::Unknown.reaction(), Reaction::GiveUp);
    }

    #[test]
    fn codes_and_texts_that_nobody_knows_are_given_up() {
        assert_eq!(Cause::of_custom(6), Cause::RateLimitExceeded);
        assert_eq!(Cause::of_custom(28), Cause::Unknown);
        assert_eq!(Cause::of_text("Transaction has a bad signature"), Cause::BadProof);
        assert_eq!(Cause::of_text("transaction"), Cause::Unknown);
    }
}
