use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use parity_scale_codec::Encode as _;
use sp_core::H256;

use super::{Candidate, Limits, PoolError, Standing, Status, Watcher, entry::Entry};

/// The waiting extrinsics. Every operation costs as much as the extrinsics it touches, never a scan of all.
pub struct Pool {
    limits: Limits,
    head: H256,
    entries: HashMap<H256, Entry>,
    /// In the order in which a block takes them.
    ready: BTreeMap<u64, H256>,
    /// The others, oldest first.
    waiting: BTreeMap<u64, H256>,
    /// Who provides a tag.
    providers: HashMap<Vec<u8>, H256>,
    /// Who requires a tag.
    requirers: HashMap<Vec<u8>, Vec<H256>>,
    bytes: usize,
    counter: u64,
}

impl Pool {
    /// An empty pool over the state of block `head`.
    #[must_use]
    pub fn new(limits: Limits, head: H256) -> Self {
        Self {
            limits,
            head,
            entries: HashMap::new(),
            ready: BTreeMap::new(),
            waiting: BTreeMap::new(),
            providers: HashMap::new(),
            requirers: HashMap::new(),
            bytes: 0,
            counter: 0,
        }
    }

    /// The block on whose state the waiting extrinsics stand. What was validated elsewhere must be validated again.
    #[must_use]
    pub const fn head(&self) -> H256 {
        self.head
    }

    /// How many extrinsics wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether these very bytes wait already; cheaper than validating them.
    #[must_use]
    pub fn contains(&self, hash: H256) -> bool {
        self.entries.contains_key(&hash)
    }

    /// The first nonce from `nonce` on that no waiting extrinsic of `account` uses.
    #[must_use]
    pub fn next_nonce(&self, account: &sp_runtime::AccountId32, mut nonce: u32) -> u32 {
        while self.providers.contains_key(&(account, nonce).encode()) {
            nonce = nonce.saturating_add(1);
        }
        nonce
    }

    /// What can go into a block, in order.
    #[must_use]
    pub fn ready(&self) -> Vec<(H256, Arc<[u8]>)> {
        let entry = |hash: &H256| self.entries.get(hash).map(|entry| (*hash, Arc::clone(&entry.bytes)));
        self.ready.values().filter_map(entry).collect()
    }

    /// How many extrinsics can go into a block.
    #[must_use]
    pub fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// Everything that waits, the ready ones first.
    #[must_use]
    pub fn pending(&self) -> Vec<Arc<[u8]>> {
        let hashes = self.ready.values().chain(self.waiting.values());
        hashes.filter_map(|hash| self.entries.get(hash).map(|entry| Arc::clone(&entry.bytes))).collect()
    }

    /// Takes a validated extrinsic.
    ///
    /// # Errors
    /// When it is a duplicate, outbid or there is no room.
    pub fn insert(&mut self, candidate: Candidate) -> Result<Standing, PoolError> {
        if self.contains(candidate.hash) {
            return Err(PoolError::Duplicate(candidate.hash));
        }
        let outbid = self.outbid(&candidate)?;
        self.make_room(&candidate, &outbid)?;
        for hash in outbid {
            self.remove(hash, Status::Usurped(candidate.hash));
        }
        self.counter += 1;
        let (hash, mut entry) = Entry::new(candidate, self.counter);
        entry.missing = entry.requires.iter().filter(|tag| !self.provided(tag)).count();
        for tag in &entry.requires {
            self.requirers.entry(tag.clone()).or_default().push(hash);
        }
        for tag in &entry.provides {
            self.providers.insert(tag.clone(), hash);
        }
        self.bytes += entry.bytes.len();
        let standing = if entry.missing == 0 { Standing::Ready } else { Standing::Future };
        self.waiting.insert(entry.arrival, hash);
        if standing == Standing::Future {
            entry.tell(Status::Future);
        }
        self.entries.insert(hash, entry);
        if standing == Standing::Ready {
            self.promote(hash);
        }
        Ok(standing)
    }

    /// Moves on to a new head: takes out what it includes and what can never be included.
    pub fn advance(&mut self, head: H256, number: u32, included: &[(H256, u32)], invalid: Vec<(H256, String)>) {
        for (hash, index) in included {
            self.include(*hash, Status::Included { block: head, index: *index });
        }
        for (hash, reason) in invalid {
            self.remove(hash, Status::Invalid(reason));
        }
        self.head = head;
        // A scan of all is cheap when rare; the runtime checks the era again anyway.
        if number.is_multiple_of(16) {
            let expired = self.entries.iter().filter(|(_, entry)| entry.until < u64::from(number));
            for hash in expired.map(|(hash, _)| *hash).collect::<Vec<_>>() {
                self.remove(hash, Status::Dropped);
            }
        }
    }

    /// Empties the pool for a head that is no child of the last one. The caller validates what comes out again.
    pub fn restart(&mut self, head: H256) -> Vec<(Arc<[u8]>, Option<Watcher>)> {
        let mut entries = std::mem::take(&mut self.entries);
        let order: Vec<H256> = self.ready.values().chain(self.waiting.values()).copied().collect();
        *self = Self { counter: self.counter, ..Self::new(self.limits, head) };
        order.iter().filter_map(|hash| entries.remove(hash)).map(|entry| (entry.bytes, entry.watcher)).collect()
    }

    /// Those that do the same as `candidate` with less priority.
    fn outbid(&self, candidate: &Candidate) -> Result<Vec<H256>, PoolError> {
        let mut outbid = Vec::new();
        for tag in &candidate.validity.provides {
            let Some(other) = self.providers.get(tag) else { continue };
            let old = self.entries.get(other).map_or(0, |entry| entry.priority);
            let new = candidate.validity.priority;
            if new <= old {
                return Err(PoolError::Priority { old, new });
            }
            if !outbid.contains(other) {
                outbid.push(*other);
            }
        }
        Ok(outbid)
    }

    /// Evicts the oldest of those that wait for others. What is ready is never evicted.
    fn make_room(&mut self, candidate: &Candidate, outbid: &[H256]) -> Result<(), PoolError> {
        let freed: usize = outbid.iter().filter_map(|hash| self.entries.get(hash)).map(|entry| entry.bytes.len()).sum();
        while self.len() - outbid.len() >= self.limits.count
            || self.bytes - freed + candidate.bytes.len() > self.limits.bytes
        {
            let evicted = self.waiting.values().find(|hash| !outbid.contains(hash)).copied().ok_or(PoolError::Full)?;
            self.remove(evicted, Status::Dropped);
        }
        Ok(())
    }

    fn provided(&self, tag: &[u8]) -> bool {
        let provider = self.providers.get(tag).and_then(|hash| self.entries.get(hash));
        provider.is_some_and(|entry| entry.place.is_some())
    }

    /// Makes an extrinsic ready, and those that waited for it alone.
    fn promote(&mut self, first: H256) {
        let mut queue = VecDeque::from([first]);
        while let Some(hash) = queue.pop_front() {
            let Some(entry) = self.entries.get_mut(&hash) else { continue };
            self.counter += 1;
            entry.place = Some(self.counter);
            self.ready.insert(self.counter, hash);
            self.waiting.remove(&entry.arrival);
            entry.tell(Status::Ready);
            for tag in entry.provides.clone() {
                for dependent in self.requirers.get(&tag).cloned().unwrap_or_default() {
                    if let Some(entry) = self.entries.get_mut(&dependent) {
                        entry.missing = entry.missing.saturating_sub(1);
                        if entry.missing == 0 && entry.place.is_none() {
                            queue.push_back(dependent);
                        }
                    }
                }
            }
        }
    }

    /// Makes those wait again that stood on `tags`.
    fn demote(&mut self, tags: Vec<Vec<u8>>) {
        let mut queue = tags;
        while let Some(tag) = queue.pop() {
            for dependent in self.requirers.get(&tag).cloned().unwrap_or_default() {
                let Some(entry) = self.entries.get_mut(&dependent) else { continue };
                entry.missing += 1;
                if let Some(place) = entry.place.take() {
                    self.ready.remove(&place);
                    self.waiting.insert(entry.arrival, dependent);
                    entry.tell(Status::Future);
                    queue.extend(entry.provides.iter().cloned());
                }
            }
        }
    }

    /// Takes out what a block includes: its tags hold for good.
    fn include(&mut self, hash: H256, status: Status) {
        let Some(entry) = self.take(hash) else { return };
        for tag in &entry.provides {
            for dependent in self.requirers.remove(tag).unwrap_or_default() {
                if let Some(entry) = self.entries.get_mut(&dependent) {
                    entry.requires.retain(|required| required != tag);
                }
            }
        }
        entry.tell(status);
    }

    fn remove(&mut self, hash: H256, status: Status) {
        let Some(entry) = self.take(hash) else { return };
        if entry.place.is_some() {
            self.demote(entry.provides.clone());
        }
        entry.tell(status);
    }

    fn take(&mut self, hash: H256) -> Option<Entry> {
        let entry = self.entries.remove(&hash)?;
        match entry.place {
            Some(place) => self.ready.remove(&place),
            None => self.waiting.remove(&entry.arrival),
        };
        for tag in &entry.provides {
            self.providers.remove(tag);
        }
        for tag in &entry.requires {
            if let Some(requirers) = self.requirers.get_mut(tag) {
                requirers.retain(|other| *other != hash);
                if requirers.is_empty() {
                    self.requirers.remove(tag);
                }
            }
        }
        self.bytes = self.bytes.saturating_sub(entry.bytes.len());
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
