use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use parity_scale_codec::{DecodeAll as _, Encode as _};
use sp_core::H256;

use super::{JournalError, Record};

const MAGIC: &[u8; 8] = b"ASSAYLN1";
const HEADER_BYTES: u64 = 8 + 32;
/// Length and checksum before each record.
const PREFIX_BYTES: u64 = 4 + 4;
/// No block comes near it; a longer record is damage.
const MAX_RECORD_BYTES: u32 = 64 << 20;
/// At most so often are written records forced to the disk.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// An open journal. Holding it keeps other nodes off its base path.
pub struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    unsynced: Option<Instant>,
    _lock: File,
}

/// A journal and what it held.
pub struct Opened {
    /// Ready for appending.
    pub journal: Journal,
    /// What to replay.
    pub records: Vec<Record>,
    /// Bytes of a last record that was cut off while it was written, now gone.
    pub torn: u64,
}

impl Journal {
    /// Opens the journal under `base_path`, or makes one. `reset` throws the old one away.
    ///
    /// # Errors
    /// When it cannot be read, is in use, damaged or of another genesis.
    pub fn open(base_path: &Path, genesis: H256, reset: bool) -> Result<Opened, JournalError> {
        fs::create_dir_all(base_path).map_err(at(base_path))?;
        let lock = lock(base_path)?;
        let path = base_path.join("journal");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(reset);
        let mut file = options.open(&path).map_err(at(&path))?;
        let size = file.metadata().map_err(at(&path))?.len();
        if size < HEADER_BYTES {
            // A new file, or one whose very first write was cut off.
            write_header(&mut file, genesis).map_err(at(&path))?;
            let journal = Self { path, file, length: HEADER_BYTES, unsynced: None, _lock: lock };
            return Ok(Opened { journal, records: Vec::new(), torn: 0 });
        }
        check_header(&mut file, &path, genesis)?;
        let (records, length) = read_records(&file, &path, size)?;
        let torn = size - length;
        if torn > 0 {
            file.set_len(length).map_err(at(&path))?;
        }
        file.seek(SeekFrom::Start(length)).map_err(at(&path))?;
        Ok(Opened { journal: Self { path, file, length, unsynced: None, _lock: lock }, records, torn })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record. After an error the file is as before.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let payload = record.encode();
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= MAX_RECORD_BYTES);
        let length = length.ok_or_else(|| at(&self.path)(io::Error::other("record too long")))?;
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        bytes.extend(length.to_le_bytes());
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(payload);
        if let Err(error) = self.file.write_all(&bytes) {
            // What was written of it must not stand between this record and the next.
            self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length))).ok();
            return Err(at(&self.path)(error));
        }
        self.length += PREFIX_BYTES + u64::from(length);
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// When the written records should be forced to the disk, if there are any.
    #[must_use]
    pub fn sync_due(&self) -> Option<Instant> {
        self.unsynced.map(|since| since + SYNC_INTERVAL)
    }

    /// Forces the written records to the disk, so that they survive a power cut too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.unsynced.take().is_some() {
            self.file.sync_data().map_err(at(&self.path))?;
        }
        Ok(())
    }
}

fn lock(base_path: &Path) -> Result<File, JournalError> {
    let path = base_path.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: base_path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(JournalError::Io { path, source }),
    }
}

fn write_header(file: &mut File, genesis: H256) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[MAGIC.as_slice(), genesis.as_bytes()].concat())?;
    file.sync_data()
}

fn check_header(file: &mut File, path: &Path, expected: H256) -> Result<(), JournalError> {
    let mut header = [0; 40];
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut header)).map_err(at(path))?;
    if header[..8] != *MAGIC {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    let found = H256::from_slice(&header[8..]);
    if found == expected {
        return Ok(());
    }
    Err(JournalError::Genesis { path: path.to_owned(), found, expected })
}

/// The whole records and where the last of them ends. What follows is either a write that was cut off or damage.
fn read_records(file: &File, path: &Path, size: u64) -> Result<(Vec<Record>, u64), JournalError> {
    let mut input = BufReader::with_capacity(1 << 20, file);
    let mut records = Vec::new();
    let mut offset = HEADER_BYTES;
    while offset < size {
        let rest = size - offset;
        let Some((length, record)) = read_record(&mut input, rest).map_err(at(path))? else {
            break;
        };
        match record {
            Some(record) => records.push(record),
            // A last record of the right length may be torn too: a file can grow before its data are written.
            None if length == rest => break,
            None => return Err(JournalError::Damaged { path: path.to_owned(), offset, records: records.len() }),
        }
        offset += length;
    }
    Ok((records, offset))
}

/// One record and its length with prefix; nothing when the file ends before the record does, no record when it is
/// damaged.
fn read_record(input: &mut impl Read, rest: u64) -> io::Result<Option<(u64, Option<Record>)>> {
    if rest < PREFIX_BYTES {
        return Ok(None);
    }
    let (mut length, mut checksum) = ([0; 4], [0; 4]);
    input.read_exact(&mut length)?;
    input.read_exact(&mut checksum)?;
    let length = u32::from_le_bytes(length);
    let whole = PREFIX_BYTES + u64::from(length);
    if length == 0 {
        // A power cut leaves zeros where the file had grown before its data were written; all else is damage.
        let mut tail = Vec::new();
        input.read_to_end(&mut tail)?;
        let zeros = checksum == [0; 4] && tail.iter().all(|byte| *byte == 0);
        return Ok((!zeros).then_some((PREFIX_BYTES, None)));
    }
    if length > MAX_RECORD_BYTES {
        return Ok(Some((PREFIX_BYTES, None)));
    }
    if whole > rest {
        return Ok(None);
    }
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    input.read_exact(&mut payload)?;
    let intact = crc32fast::hash(&payload) == u32::from_le_bytes(checksum);
    Ok(Some((whole, intact.then(|| Record::decode_all(&mut &*payload).ok()).flatten())))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
