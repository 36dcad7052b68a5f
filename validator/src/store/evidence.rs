//! What is remembered of the answers of each neuron to each model.

use std::collections::BTreeSet;

use incentive::task::ModelDigest;
use incentive::units::{Block, Hotkey, Registration};
use parity_scale_codec::{DecodeAll as _, Encode as _};
use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError, integer, unsigned};
use crate::inference::memory::Memory;

impl Store {
    /// What is remembered of a neuron's answers to a model; nothing yet, of most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn memory(&self, registration: &Registration, model: &ModelDigest) -> Result<Memory, StoreError> {
        let connection = self.0.connection.lock();
        let state: Option<Vec<u8>> = connection
            .query_row(
                "SELECT state FROM evidence WHERE hotkey = ?1 AND registered = ?2 AND model = ?3",
                params![registration.hotkey.0, integer(registration.block.get()), model.0],
                |row| row.get(0),
            )
            .optional()?;
        state.map_or_else(
            || Ok(Memory::default()),
            |state| {
                Memory::decode_all(&mut state.as_slice()).map_err(|_| StoreError::Corrupt("the evidence of a neuron"))
            },
        )
    }

    /// Writes what is remembered, all of it or nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remember(&self, model: &ModelDigest, memories: &[(Registration, Memory)]) -> Result<(), StoreError> {
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction()?;
        for (registration, memory) in memories {
            transaction.execute(
                "INSERT INTO evidence (hotkey, registered, model, state) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET state = excluded.state",
                params![registration.hotkey.0, integer(registration.block.get()), model.0, memory.encode()],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Forgets whoever is not registered any more: nobody comes back as an earlier registration.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_departed(&self, current: &BTreeSet<Registration>) -> Result<(), StoreError> {
        let mut connection = self.0.connection.lock();
        let transaction = connection.transaction()?;
        let known: Vec<Registration> = {
            let mut statement = transaction.prepare("SELECT DISTINCT hotkey, registered FROM evidence")?;
            let rows = statement.query_map([], |row| {
                Ok(Registration { hotkey: Hotkey(row.get(0)?), block: Block(unsigned(row.get(1)?)) })
            })?;
            rows.collect::<Result<_, _>>()?
        };
        for gone in known.iter().filter(|registration| !current.contains(registration)) {
            transaction.execute(
                "DELETE FROM evidence WHERE hotkey = ?1 AND registered = ?2",
                params![gone.hotkey.0, integer(gone.block.get())],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}
