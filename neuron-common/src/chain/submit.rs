//! Submitting: until the extrinsic is in a finalized block, or never will be.
//!
//! The blocks are the witness, the pool's words are hints: before an extrinsic is called refused or expired, every block
//! that could hold it has been searched. So the same bytes may be submitted again at any time, after a crash as well.

use std::sync::Arc;

use incentive::units::Block;
use runtime_metadata::items;
use subxt::SubstrateConfig;
use subxt::error::DispatchError;
use subxt::events::Phase;
use subxt::utils::H256;
use subxt_rpcs::Error as RpcError;
use subxt_rpcs::client::RpcSubscription;
use subxt_rpcs::methods::legacy::TransactionStatus;

use super::link::{Link, until};
use super::owner::{Event, Receipt};
use super::search::{Place, Search};
use super::{Cause, ChainClient, ChainError, SignedExtrinsic, codec, node, pool, rpc, runtime};

/// The block that an extrinsic is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Its height.
    pub block: Block,
    /// Its hash.
    pub hash: [u8; 32],
}

type Watch = RpcSubscription<TransactionStatus<H256>>;

impl ChainClient {
    /// Submits an extrinsic and waits until it is in a finalized block and has succeeded there.
    ///
    /// # Errors
    /// [`ChainError::Refused`] and [`ChainError::Failed`] name the chain's reason; [`ChainError::Expired`] and
    /// [`ChainError::NonceTaken`] if it can never be included; [`ChainError::NotFinalized`] if the node needs longer than
    /// [`super::Timing::finality`]: then the same bytes may be submitted again.
    pub async fn submit(&self, extrinsic: &SignedExtrinsic) -> Result<Inclusion, ChainError> {
        Ok(self.deliver(extrinsic).await?.inclusion)
    }

    pub(super) async fn deliver(&self, extrinsic: &SignedExtrinsic) -> Result<Receipt, ChainError> {
        let patience = self.timing().finality;
        let rounds = async {
            let mut link = self.link_patiently().await?;
            let mut search = Search::new(extrinsic);
            loop {
                match self.round(&link, &mut search).await {
                    Err(error) if link.is_lost() => tracing::debug!(%error, "connection lost while submitting"),
                    Ok(None) => {}
                    Ok(Some(receipt)) => return Ok(receipt),
                    Err(error) => return Err(error),
                }
                let now = self.link_patiently().await?;
                if !Arc::ptr_eq(&now, &link) {
                    (link, search) = (now, Search::new(extrinsic));
                }
            }
        };
        until(tokio::time::Instant::now() + patience, rounds).await.unwrap_or_else(|| {
            Err(ChainError::NotFinalized { call: extrinsic.call.clone(), seconds: patience.as_secs() })
        })
    }

    /// Submits once and watches; `None` asks for another round.
    async fn round(&self, link: &Arc<Link>, search: &mut Search<'_>) -> Result<Option<Receipt>, ChainError> {
        if let Some(place) = search.advance(link).await? {
            return receipt(link, search.extrinsic(), &place).await.map(Some);
        }
        // A node would call an extrinsic beyond its lifetime badly signed: its era then points to another block.
        if search.is_over() {
            return search.still_possible(link).await.map(|()| None);
        }
        let mut watch = match link.rpc.author_submit_and_watch_extrinsic(&search.extrinsic().bytes).await {
            Ok(watch) => Some(watch),
            Err(RpcError::User(error)) => match pool::answer(&error) {
                answer if answer.is_for_blocks() => None,
                answer => return Err(answer.error(&search.extrinsic().call)),
            },
            Err(other) => return Err(rpc("submitting an extrinsic")(other)),
        };
        loop {
            let again = self.pause(link, &mut watch, search).await?;
            if let Some(place) = search.advance(link).await? {
                return receipt(link, search.extrinsic(), &place).await.map(Some);
            }
            if watch.is_none() || search.is_over() {
                search.still_possible(link).await?;
            }
            if again {
                return Ok(None);
            }
        }
    }

    /// Waits for a reason to look at the blocks again; true if the pool has let go of the extrinsic.
    async fn pause(&self, link: &Link, watch: &mut Option<Watch>, search: &Search<'_>) -> Result<bool, ChainError> {
        let poll = self.timing().poll;
        let Some(statuses) = watch else {
            tokio::time::sleep(poll).await;
            return Ok(false);
        };
        let status = tokio::select! {
            status = statuses.next() => status,
            () = tokio::time::sleep(poll) => return Ok(false),
        };
        match status {
            Some(Ok(TransactionStatus::Invalid)) => {
                *watch = None;
                if search.peek(link).await? {
                    return Ok(false);
                }
                let cause = Cause::Invalid;
                Err(ChainError::Refused { call: search.extrinsic().call.clone(), name: cause.name().to_owned(), cause })
            }
            Some(Ok(
                TransactionStatus::Usurped(_) | TransactionStatus::Dropped | TransactionStatus::FinalityTimeout(_),
            ))
            | None => {
                *watch = None;
                tokio::time::sleep(poll).await;
                Ok(true)
            }
            Some(Ok(
                TransactionStatus::Future
                | TransactionStatus::Ready
                | TransactionStatus::Broadcast(_)
                | TransactionStatus::InBlock(_)
                | TransactionStatus::Retracted(_)
                | TransactionStatus::Finalized(_),
            )) => Ok(false),
            Some(Err(error)) => Err(rpc("watching an extrinsic")(error)),
        }
    }
}

/// What an extrinsic did in its block.
async fn receipt(link: &Link, extrinsic: &SignedExtrinsic, place: &Place) -> Result<Receipt, ChainError> {
    let doing = "reading the events of a block";
    let Place { block, index } = place;
    let at = link.online.at_block_hash_and_number(H256(block.hash), block.number.get()).await;
    let at = at.map_err(node(doing))?;
    let all = at.events().fetch().await.map_err(node(doing))?;
    let mut events = Vec::new();
    for event in all.iter() {
        let event = event.map_err(codec(doing))?;
        if event.phase() != Phase::ApplyExtrinsic(*index) {
            continue;
        }
        if let Some(bytes) = failure(&event) {
            let error = DispatchError::decode_from(bytes, at.metadata()).map_err(codec(doing))?;
            return Err(failed(extrinsic, block.number, &error));
        }
        let fields = event.decode_fields_unchecked_as().map_err(codec(doing))?;
        events.push(Event { pallet: event.pallet_name().to_owned(), name: event.event_name().to_owned(), fields });
    }
    Ok(Receipt { inclusion: Inclusion { block: block.number, hash: block.hash }, events })
}

fn failed(extrinsic: &SignedExtrinsic, block: Block, error: &DispatchError) -> ChainError {
    let (pallet, name) = match error {
        DispatchError::Module(module) => match module.details() {
            Ok(details) => (details.pallet.name().to_owned(), details.variant.name.clone()),
            Err(_) => ("unknown pallet".to_owned(), module.details_string()),
        },
        other => ("runtime".to_owned(), format!("{other:?}")),
    };
    let cause = Cause::of_name(&name);
    ChainError::Failed { call: extrinsic.call.clone(), block, pallet, name, cause }
}

/// The encoded dispatch error of an event that reports one: of the extrinsic, or of the call inside a sudo call.
fn failure<'a>(event: &'a subxt::events::Event<'_, SubstrateConfig>) -> Option<&'a [u8]> {
    let is = |item| runtime::is(&item, event.pallet_name(), event.event_name());
    match event.field_bytes() {
        bytes if is(items::EXTRINSIC_FAILED) => Some(bytes),
        [1, bytes @ ..] if is(items::SUDID) => Some(bytes),
        _ => None,
    }
}
