//! The header of a GGUF file (version 2 and 3, little-endian), as the format's specification in ggml's `docs/gguf.md`
//! gives it. Lengths are believed only as far as the file is long; a header may have 64 MiB.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::ModelError;

const HEADER_MAX: u64 = 64 << 20;

/// Metadata and the places of tensors.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// By key.
    pub metadata: BTreeMap<String, Value>,
    /// By name.
    pub(crate) tensors: BTreeMap<String, Info>,
}

/// Where a tensor lies.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    /// Outermost first.
    pub shape: Vec<u64>,
    /// `ggml_type`.
    pub kind: u32,
    /// From the beginning of the file.
    pub offset: u64,
}

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any number that is no u64 or i64 beyond 2^53.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// UTF-8.
    Text(String),
    /// An array of numbers or flags.
    Numbers(Vec<f32>),
    /// An array of strings.
    Texts(Vec<String>),
}

impl Header {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// When the file cannot be read or is no GGUF file of a known version.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let damaged = |problem: String| ModelError::File {
            file: path.display().to_string(),
            problem,
            remedy: "fetch the file again".to_owned(),
        };
        let file = File::open(path).map_err(|error| damaged(error.to_string()))?;
        let length = file.metadata().map_err(|error| damaged(error.to_string()))?.len();
        let mut input = Input { reader: BufReader::new(file), left: length.min(HEADER_MAX) };
        let mut header = header(&mut input).map_err(|error| damaged(format!("the header is damaged: {error}")))?;
        let end = input.reader.stream_position().map_err(|error| damaged(error.to_string()))?;
        let alignment = header.number("general.alignment").unwrap_or(32.0);
        if !(1.0..=65536.0).contains(&alignment) || alignment.fract() != 0.0 {
            return Err(damaged("the alignment is absurd".to_owned()));
        }
        let start = end.next_multiple_of(alignment as u64);
        for (name, info) in &mut header.tensors {
            info.offset = (start.checked_add(info.offset))
                .ok_or_else(|| damaged(format!("the tensor `{}` lies outside", name.escape_debug())))?;
        }
        Ok(header)
    }

    /// A string of the metadata.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        if let Some(Value::Text(text)) = self.metadata.get(key) { Some(text) } else { None }
    }

    /// A number of the metadata.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        if let Some(Value::Number(number)) = self.metadata.get(key) { Some(*number) } else { None }
    }
}

struct Input {
    reader: BufReader<File>,
    left: u64,
}

type Parsed<T> = Result<T, String>;

impl Input {
    fn bytes<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn take(&mut self, bytes: u64) -> Parsed<()> {
        self.left = self.left.checked_sub(bytes).ok_or("a length goes beyond the end")?;
        Ok(())
    }

    fn u32(&mut self) -> Parsed<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Parsed<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Parsed<String> {
        let length = self.u64()?;
        self.take(length)?;
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        // Tokens of some vocabularies are no whole UTF-8.
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn value(&mut self, kind: u32) -> Parsed<Value> {
        Ok(match kind {
            7 => Value::Flag(self.bytes::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 => self.array()?,
            _ => Value::Number(self.number(kind)?),
        })
    }

    fn number(&mut self, kind: u32) -> Parsed<f64> {
        Ok(match kind {
            0 | 7 => f64::from(self.bytes::<1>()?[0]),
            1 => f64::from(self.bytes::<1>()?[0].cast_signed()),
            2 => f64::from(self.bytes().map(u16::from_le_bytes)?),
            3 => f64::from(self.bytes().map(i16::from_le_bytes)?),
            4 => f64::from(self.u32()?),
            5 => f64::from(self.bytes().map(i32::from_le_bytes)?),
            6 => f64::from(self.bytes().map(f32::from_le_bytes)?),
            10 => self.u64()? as f64,
            11 => self.bytes().map(i64::from_le_bytes)? as f64,
            12 => self.bytes().map(f64::from_le_bytes)?,
            other => return Err(format!("the type {other} is unknown")),
        })
    }

    /// Grows with what is read, never with what is announced.
    fn array(&mut self) -> Parsed<Value> {
        let (kind, length) = (self.u32()?, self.u64()?);
        if length > self.left {
            return Err("a length goes beyond the end".to_owned());
        }
        Ok(match kind {
            8 => Value::Texts((0..length).map(|_| self.text()).collect::<Parsed<_>>()?),
            9 => return Err("arrays of arrays are not read".to_owned()),
            _ => Value::Numbers(
                (0..length).map(|_| self.number(kind).map(|number| number as f32)).collect::<Parsed<_>>()?,
            ),
        })
    }
}

fn header(input: &mut Input) -> Parsed<Header> {
    if input.bytes::<4>()? != *b"GGUF" {
        return Err("it does not begin with `GGUF`".to_owned());
    }
    let version = input.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("version {version} is unknown"));
    }
    let (tensors, keys) = (input.u64()?, input.u64()?);
    let mut header = Header::default();
    for _ in 0..keys {
        let (key, kind) = (input.text()?, input.u32()?);
        let value = input.value(kind)?;
        header.metadata.insert(key, value);
    }
    for _ in 0..tensors {
        let (name, dimensions) = (input.text()?, input.u32()?);
        if dimensions > 4 {
            return Err(format!("`{}` has {dimensions} dimensions", name.escape_debug()));
        }
        let mut shape = (0..dimensions).map(|_| input.u64()).collect::<Parsed<Vec<_>>>()?;
        shape.reverse();
        let info = Info { shape, kind: input.u32()?, offset: input.u64()? };
        header.tensors.insert(name, info);
    }
    Ok(header)
}
