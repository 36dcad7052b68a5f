//! What honest answers look like, as a file: read with a bound, refused for anything that it was not made for, written whole
//! or not at all.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use incentive::evidence::Table;
use incentive::task::ModelDigest;
use proof::inference::SAMPLER;
use tempfile::NamedTempFile;

/// Larger files are no tables.
const BYTES_MAX: u64 = 1 << 20;
const TEXT_MAX: usize = 256;

/// Why a table is not used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read or written.
    #[error("{}: {source}; {remedy}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is no table.
    #[error("{}: {problem}; make it again with `validator calibrate`", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The table was made for something else.
    #[error("the table is for {what} {made}, and {asked} is asked for; make one with `validator calibrate`")]
    Foreign {
        /// The model, the sampler or the checker.
        what: &'static str,
        /// What it was made for.
        made: String,
        /// What it would be used for.
        asked: String,
    },
}

/// Who checks on this machine, as tables name it: program, version and kind of arithmetic, and in brackets the
/// instructions. Instructions change the last place of a logit; tables rest on pairs that differ in them, so that part need not
/// be the same.
#[must_use]
pub fn checker() -> String {
    format!("assay-engine {} f32 ({})", env!("CARGO_PKG_VERSION"), engine::Path::best())
}

/// Reads a table.
///
/// # Errors
/// When the file is missing, too large, or not a sound table of this version.
pub fn load(path: &Path) -> Result<Table, TableError> {
    let failed = |source| TableError::File {
        path: path.to_owned(),
        source,
        remedy: "make it with `validator calibrate --model MODEL --out FILE`",
    };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    let damaged = |problem| TableError::Damaged { path: path.to_owned(), problem };
    if text.len() as u64 > BYTES_MAX {
        return Err(damaged(format!("it has more than {BYTES_MAX} bytes")));
    }
    parse(&text).map_err(damaged)
}

/// A table from its text.
///
/// # Errors
/// Says what is not sound.
pub fn parse(text: &[u8]) -> Result<Table, String> {
    let table: Table = serde_json::from_slice(text).map_err(|error| format!("it is no table: {error}"))?;
    sound(&table)?;
    Ok(table)
}

/// Writes a table: the whole file appears at once, or none.
///
/// # Errors
/// When the table is not sound, or the folder cannot be written.
pub fn save(path: &Path, table: &Table) -> Result<(), TableError> {
    sound(table).map_err(|problem| TableError::Damaged { path: path.to_owned(), problem })?;
    let text = serde_json::to_vec_pretty(table).map_err(|error| unwritable(path, error.into()))?;
    let mut file = beside(path)?;
    file.write_all(&text).and_then(|()| file.write_all(b"\n")).map_err(|error| unwritable(path, error))?;
    file.as_file().sync_all().map_err(|error| unwritable(path, error))?;
    file.persist(path).map(drop).map_err(|error| unwritable(path, error.error))
}

/// Whether a table could be written there; leaves nothing behind.
///
/// # Errors
/// When it could not.
pub fn writable(path: &Path) -> Result<(), TableError> {
    if path.is_dir() {
        return Err(unwritable(path, std::io::ErrorKind::IsADirectory.into()));
    }
    beside(path).map(drop)
}

/// A file that takes the place of `path` when it is whole.
fn beside(path: &Path) -> Result<NamedTempFile, TableError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Thresholds are no secret, and a service may run as somebody else.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.prefix(".new-table-").tempfile_in(folder).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, source: std::io::Error) -> TableError {
    TableError::File { path: path.to_owned(), source, remedy: "choose a file that can be written" }
}

/// Whether the table may judge answers of this model, checked by this program.
///
/// # Errors
/// Names what it was made for instead.
pub fn admit(table: &Table, model: &ModelDigest, checker: &str) -> Result<(), TableError> {
    let foreign = |what, made: &str, asked: &str| {
        let same = made == asked;
        let (made, asked) = (made.to_owned(), asked.to_owned());
        if same { Ok(()) } else { Err(TableError::Foreign { what, made, asked }) }
    };
    foreign("the model", &table.model.to_string(), &model.to_string())?;
    foreign("the sampler", &table.sampler, SAMPLER)?;
    foreign("the checker", kind(&table.checker), kind(checker))
}

/// Which table judged, for records: BLAKE3 over its compact JSON.
#[must_use]
pub fn digest(table: &Table) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("assay evidence table v1");
    // A table is numbers and texts: it has JSON.
    hasher.update(&serde_json::to_vec(table).unwrap_or_default());
    *hasher.finalize().as_bytes()
}

/// A checker without its instructions.
fn kind(checker: &str) -> &str {
    checker.split_once(" (").map_or(checker, |(kind, _)| kind)
}

/// What the judging side requires, and names of a length that can be shown.
fn sound(table: &Table) -> Result<(), String> {
    table.validate().map_err(|error| error.to_string())?;
    let texts = [&table.sampler, &table.checker].into_iter().chain(table.pairs.iter().map(|pair| &pair.name));
    if texts.into_iter().any(|text| text.len() > TEXT_MAX) {
        return Err(format!("a name has more than {TEXT_MAX} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use incentive::evidence::{Bin, Pair, Stratum};

    use super::*;

    const MODEL: ModelDigest = ModelDigest([7; 32]);

    fn table() -> Table {
        let bins = [(100, -300), (900, 0), (u32::MAX, 4000)];
        let stratum = Stratum {
            from: 500,
            to: 800,
            block: 64,
            blocks: 3000,
            soft: 1000,
            hard: 90_000,
            false_positive_ppm: 999,
            evidence: bins.map(|(up_to, weight)| Bin { up_to, weight }).to_vec(),
            end: 200_000,
        };
        let next = Stratum { from: 800, to: 1201, ..stratum.clone() };
        Table {
            version: Table::VERSION,
            model: MODEL,
            sampler: SAMPLER.to_owned(),
            checker: checker(),
            strata: vec![stratum, next],
            fingerprint: None,
            pairs: vec![Pair { name: "one against another".to_owned(), blocks: 6000, agreement_ppm: 990_000, mean: 100, largest: 900 }],
        }
    }

    #[test]
    fn a_table_survives_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.json");
        save(&path, &table()).expect("it can be written");
        save(&path, &table()).expect("and again");
        assert_eq!(load(&path).expect("it can be read"), table());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
        let missing = load(&folder.path().join("none")).expect_err("it is missing").to_string();
        assert!(missing.contains("validator calibrate"), "{missing}");
        writable(&path).expect("once more");
        assert!(writable(&folder.path().join("no/where")).is_err() && writable(folder.path()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left of trying");
        let nowhere = save(&folder.path().join("no/where"), &table()).expect_err("no such folder");
        assert!(nowhere.to_string().contains("can be written"), "{nowhere}");
    }

    #[test]
    fn a_table_is_used_for_nothing_else() {
        admit(&table(), &MODEL, &checker()).expect("that is what it was made for");
        admit(&table(), &MODEL, &format!("{} (other)", kind(&checker()))).expect("instructions need not be the same");
        let refused = |table: &Table, checker: &str, what: &str| {
            let error = admit(table, &MODEL, checker).expect_err(what).to_string();
            assert!(error.contains(what) && error.contains("validator calibrate"), "{error}");
        };
        refused(&Table { model: ModelDigest([8; 32]), ..table() }, &checker(), "the model");
        refused(&Table { sampler: "gumbel-chacha8-0".to_owned(), ..table() }, &checker(), "the sampler");
        refused(&table(), "assay-engine 9.9.9 f32 (avx2)", "the checker");
        refused(&table(), "assay-engine 0.1.0 bf16", "the checker");
    }

    #[test]
    fn what_is_not_sound_is_no_table() {
        let with = |change: fn(&mut Table)| {
            let mut table = table();
            change(&mut table);
            parse(&serde_json::to_vec(&table).expect("JSON")).expect_err("it is not sound")
        };
        assert!(with(|table| table.version = 2).contains("version 2"));
        assert!(with(|table| table.strata.swap(0, 1)).contains("stratum"));
        assert!(with(|table| table.strata[0].hard = 1).contains("hard"));
        assert!(with(|table| table.strata[0].evidence.clear()).contains("evidence"));
        assert!(with(|table| table.checker = "x".repeat(300)).contains("bytes"));
    }

    #[test]
    fn hostile_files_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.json");
        let fails = |text: &[u8]| {
            std::fs::write(&path, text).expect("it can be written");
            load(&path).expect_err("it is no table").to_string()
        };
        assert!(fails(b"").contains("no table"));
        assert!(fails(b"[[[[").contains("no table"));
        assert!(fails(&b"[".repeat(4000)).contains("no table"), "no depth ends the program");
        assert!(fails(&b" ".repeat(2 << 20)).contains("more than"));
        let foreign = serde_json::to_string(&table()).expect("JSON").replacen("version", "edition", 1);
        assert!(fails(foreign.as_bytes()).contains("edition"));
    }

    #[test]
    fn every_number_is_in_the_digest() {
        let mut other = table();
        other.strata[1].evidence[0].weight += 1;
        assert_ne!(digest(&table()), digest(&other));
        assert_eq!(digest(&table()), digest(&table()));
    }
}
