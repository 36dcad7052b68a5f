use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sp_core::{H256, storage::ChildInfo};

use super::hex::Hex;
use crate::state::{Page, StateError, StateView};

/// Items read and sent at a time; between two pages the client can catch up or stop.
const PAGE_ITEMS: usize = 256;

/// What to tell of a key or of those below it.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QueryType {
    Value,
    Hash,
    ClosestDescendantMerkleValue,
    DescendantsValues,
    DescendantsHashes,
}

/// One question of `chainHead_v1_storage` and `archive_v1_storage`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    key: Hex,
    #[serde(rename = "type")]
    query_type: QueryType,
    #[serde(default)]
    pagination_start_key: Option<Hex>,
}

/// One answer.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    key: Hex,
    #[serde(flatten)]
    found: Found,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_trie_key: Option<Hex>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
enum Found {
    Value(Hex),
    Hash(H256),
    ClosestDescendantMerkleValue(Hex),
}

/// A list of questions being answered page by page.
pub struct Scan {
    state: StateView,
    child: Option<Vec<u8>>,
    queries: VecDeque<Query>,
}

impl Scan {
    /// Questions about a state, or about one of its child tries.
    pub fn new(state: StateView, queries: Vec<Query>, child: Option<Hex>) -> Self {
        Self { state, child: child.map(|key| key.0), queries: queries.into() }
    }

    /// The next items; an empty page is the end.
    pub fn page(&mut self) -> Result<Vec<Item>, StateError> {
        let mut items = Vec::new();
        while items.len() < PAGE_ITEMS {
            let Some(query) = self.queries.pop_front() else { break };
            self.answer(query, &mut items)?;
        }
        Ok(items)
    }

    fn answer(&mut self, query: Query, items: &mut Vec<Item>) -> Result<(), StateError> {
        let child = self.child.as_deref().map(ChildInfo::new_default);
        let child = child.as_ref();
        let key = &query.key.0;
        let found = match query.query_type {
            QueryType::Value => self.state.value(child, key)?.map(|value| Found::Value(Hex(value))),
            QueryType::Hash => self.state.hash(child, key)?.map(Found::Hash),
            QueryType::ClosestDescendantMerkleValue => {
                let value = self.state.closest_merkle_value(child, key)?;
                value.map(|value| Found::ClosestDescendantMerkleValue(Hex(value)))
            }
            QueryType::DescendantsValues | QueryType::DescendantsHashes => return self.descend(query, items),
        };
        if let Some(found) = found {
            items.push(self.item(query.key.0, found));
        }
        Ok(())
    }

    fn descend(&mut self, mut query: Query, items: &mut Vec<Item>) -> Result<(), StateError> {
        let child = self.child.as_deref().map(ChildInfo::new_default);
        let page = Page {
            prefix: &query.key.0,
            after: query.pagination_start_key.as_ref().map(|key| key.0.as_slice()),
            count: PAGE_ITEMS,
        };
        let mut found = Vec::new();
        if query.query_type == QueryType::DescendantsValues {
            for (key, value) in self.state.pairs(child.as_ref(), page)? {
                found.push((key, Found::Value(Hex(value))));
            }
        } else {
            for key in self.state.keys(child.as_ref(), page)? {
                if let Some(hash) = self.state.hash(child.as_ref(), &key)? {
                    found.push((key, Found::Hash(hash)));
                }
            }
        }
        if found.len() == PAGE_ITEMS {
            query.pagination_start_key = found.last().map(|(key, _)| Hex(key.clone()));
            self.queries.push_front(query);
        }
        items.extend(found.into_iter().map(|(key, found)| self.item(key, found)));
        Ok(())
    }

    fn item(&self, key: Vec<u8>, found: Found) -> Item {
        Item { key: Hex(key), found, child_trie_key: self.child.clone().map(Hex) }
    }
}
