//! The source of the device code against the proof, bit by bit, without a device: compiled for the processor and run
//! thread by thread, on the grids that a device gets. Changes of single constants must be found.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use incentive::policy::ComputePolicy;
use incentive::units::{Block, NetUid};
use proof::rows::{Inputs, pack, requantise};
use proof::{Challenge, Digest, Weights, merkle};

#[allow(dead_code, reason = "the test uses a part")]
#[path = "../src/cuda/grid.rs"]
mod grid;

use grid::Grid;

/// The files of the device code, in the order in which `kernels.rs` puts them together.
const SOURCES: [(&str, &str); 4] = [
    ("values.cu", include_str!("../src/cuda/values.cu")),
    ("fill.cu", include_str!("../src/cuda/fill.cu")),
    ("requantise.cu", include_str!("../src/cuda/requantise.cu")),
    ("leaf.cu", include_str!("../src/cuda/leaf.cu")),
];

/// Widths of whole blocks of a stream and not; of one to six chunks of a hash, and on both sides of the borders.
const WIDTHS: [usize; 12] = [16, 32, 48, 64, 80, 272, 512, 1616, 1632, 3264, 4096, 8192];

/// The compiled device code.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    /// `None` where there is no C++ compiler; that fails in CI.
    fn build(source: &str, sanitised: bool) -> Option<Self> {
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        if Command::new(&compiler).arg("--version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI has to check the device code, and there is no {compiler}");
            println!("skipped: there is no C++ compiler ({compiler}; set CXX)");
            return None;
        }
        let host = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(host.path("kernels.cu"), source).unwrap();
        std::fs::write(host.path("host.cpp"), include_str!("cuda/host.cpp")).unwrap();
        let sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let compiled = if sanitised { host.compile(&compiler, &sanitizers) } else { host.compile(&compiler, &[]) };
        compiled.or_else(|_| host.compile(&compiler, &[])).unwrap();
        Some(host)
    }

    fn compile(&self, compiler: &str, flags: &[&str]) -> Result<(), String> {
        let fixed = ["-std=c++17", "-O1", "-fno-strict-aliasing", "-Wno-unknown-pragmas", "host.cpp", "-o", "host"];
        let output = Command::new(compiler).args(fixed).args(flags).current_dir(&self.folder).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// Runs a kernel on a grid.
    fn run(&self, kernel: &str, arguments: &[u64], grid: Grid, input: &[u8]) -> Vec<u8> {
        let grid = [grid.blocks.0.into(), grid.blocks.1.into(), u64::from(grid.threads)];
        let mut process = Command::new(self.path("host"))
            .arg(kernel)
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .args(arguments.iter().chain(&grid).map(u64::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{kernel}: {}", output.status);
        output.stdout
    }
}

fn source() -> String {
    SOURCES.iter().map(|(_, text)| *text).collect()
}

fn words(digest: &Digest) -> Vec<u64> {
    digest.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word).into()).collect()
}

fn bytes_of(values: &[i8]) -> Vec<u8> {
    values.iter().map(|value| value.cast_unsigned()).collect()
}

/// Values in the form of a kind of product.
fn formed(values: &[i8], kind: &str) -> Vec<u8> {
    let floats = values.iter().map(|value| f32::from(*value));
    match kind {
        "i8" => bytes_of(values),
        "bf16" => floats.flat_map(|value| half::bf16::from_f32(value).to_le_bytes()).collect(),
        _ => floats.flat_map(f32::to_le_bytes).collect(),
    }
}

fn weights(width: usize, layers: u32) -> Weights {
    let compute = ComputePolicy { width: width as u32, layers, rows: 64, openings: 4, chains_max: 1, rounds_max: 1 };
    let challenge = Challenge { genesis: [1; 32], netuid: NetUid(7), block: Block(9), nonce: [5; 32], compute };
    Weights::new(&challenge).unwrap()
}

fn rows(width: usize, first: u32, count: usize) -> Vec<i8> {
    let mut values = vec![0; count * width];
    Inputs::after(&[8; 32]).fill(first, width, &mut values);
    values
}

/// Whether the filled weights are those of the proof.
fn weights_hold(host: &Host, width: usize, kind: &str) -> bool {
    let weights = weights(width, 3);
    let expected: Vec<i8> = (0..3).flat_map(|index| weights.layer(index).into_owned()).collect();
    let values = expected.len() as u64;
    let arguments = [vec![values], words(&weights.seed()), vec![0]].concat();
    host.run(&format!("weights_{kind}"), &arguments, Grid::fill(values), &[]) == formed(&expected, kind)
}

/// Whether the inputs of a band of rows are those of the proof.
fn inputs_hold(host: &Host, width: usize, first: u32, count: usize, kind: &str) -> bool {
    let values = (count * width) as u64;
    let block = u64::from(first) * width as u64 / 64;
    let arguments = [vec![values], words(Inputs::after(&[8; 32]).seed()), vec![block]].concat();
    let expected = formed(&rows(width, first, count), kind);
    host.run(&format!("inputs_{kind}"), &arguments, Grid::fill(values), &[]) == expected
}

/// Whether what is kept of sums on and around every border is what the proof keeps.
fn requantise_holds(host: &Host, width: usize, sum: &str, kind: &str) -> bool {
    let rows = 5;
    let weights = weights(width, 1);
    let sums: Vec<i32> = (0..rows * width)
        .map(|index| match index % 7 {
            0 => 1 << 24,
            1 => -(1 << 24),
            2 => 0,
            3 => -1,
            _ => proof::rows::mix32(index as u32).cast_signed() >> 7,
        })
        .collect();
    let mut expected = vec![0; sums.len()];
    requantise(&sums, weights.salts(0), &mut expected);
    let mut input: Vec<u8> = match sum {
        "i32" => sums.iter().flat_map(|sum| sum.to_le_bytes()).collect(),
        _ => sums.iter().flat_map(|sum| (*sum as f32).to_le_bytes()).collect(),
    };
    input.extend(weights.salts(0).iter().flat_map(|salt| salt.to_le_bytes()));
    let grid = Grid::requantise(width as u32, rows as u32);
    let arguments = [(rows * width) as u64, width as u64];
    host.run(&format!("requantise_{sum}_{kind}"), &arguments, grid, &input) == formed(&expected, kind)
}

/// Whether the leaves are those of the proof.
fn leaves_hold(host: &Host, width: usize, first: u32, count: usize) -> bool {
    let (chain, round) = (0xabcd, 0x0123_4567);
    let values = rows(width, first, count);
    let expected: Vec<u8> = (first..)
        .zip(values.chunks_exact(width))
        .flat_map(|(row, values)| merkle::leaf(chain, round, row, &pack(values)))
        .collect();
    let place = [count as u64, width as u64, chain.into(), round.into(), first.into()];
    let arguments = [place.to_vec(), words(&blake3::hazmat::hash_derive_key_context(merkle::LEAF_CONTEXT))].concat();
    host.run("leaves", &arguments, Grid::leaves(count as u32), &bytes_of(&values)) == expected
}

#[test]
fn the_device_code_is_the_proof() {
    let Some(host) = Host::build(&source(), true) else { return };
    for kind in ["i8", "bf16", "f32"] {
        for width in [16, 48, 64, 272] {
            assert!(weights_hold(&host, width, kind), "weights of width {width} in {kind}");
        }
        for width in WIDTHS {
            for (first, count) in [(0, 1), (0, 5), (16, 33), (1 << 20, 2)] {
                assert!(inputs_hold(&host, width, first, count, kind), "rows {first}.. of width {width} in {kind}");
            }
        }
    }
    // Beyond 2^32 blocks, which is beyond every policy's weights: the counter has 64 bits.
    assert!(inputs_hold(&host, 8192, u32::MAX - 3, 4, "i8"));
    for width in WIDTHS {
        for (sum, kind) in [("i32", "i8"), ("f32", "i8"), ("f32", "bf16"), ("f32", "f32")] {
            assert!(requantise_holds(&host, width, sum, kind), "{kind} of {sum} sums of width {width}");
        }
        for (first, count) in [(0, 3), (0x0102_0300, 67)] {
            assert!(leaves_hold(&host, width, first, count), "leaves {first}.. of width {width}");
        }
    }
}

#[test]
fn bytes_of_the_host_become_floats() {
    let Some(host) = Host::build(&source(), true) else { return };
    let values: Vec<i8> = (0..1040).map(|index| index as i8).collect();
    for kind in ["bf16", "f32"] {
        let values_len = values.len() as u64;
        let found = host.run(&format!("widen_{kind}"), &[values_len], Grid::widen(values_len), &bytes_of(&values));
        assert_eq!(found, formed(&values, kind), "{kind}");
    }
}

/// One constant of every step, changed.
const MUTATIONS: [(&str, &str, &str); 12] = [
    ("a constant of ChaCha", "0x6b206574u", "0x6b206575u"),
    ("the number of its rounds", "i < 4; ++i) {\n        quarter", "i < 3; ++i) {\n        quarter"),
    ("its high counter", "(u32)(block >> 32)", "0"),
    ("the lower five bits", "word & 0x1f1f1f1fu | 0x80", "word & 0x1f1f1f0fu | 0x80"),
    ("a factor of the mix", "0x7feb352du", "0x7feb352fu"),
    ("a shift of the mix", "h >> 15", "h >> 14"),
    ("the initial value of BLAKE3", "0xa54ff53au", "0xa54ff53bu"),
    ("its permutation", "block[12], block[5]", "block[5], block[12]"),
    ("its rounds", "round < 7", "round < 6"),
    ("the flag of the root", "? ROOT : 0", "? 0 : ROOT"),
    ("the place of the row", "place >> 8, 24", "place >> 7, 24"),
    ("the packing", "0x7c00u", "0x7800u"),
];

fn everything_holds(host: &Host) -> bool {
    weights_hold(host, 64, "i8")
        && inputs_hold(host, 64, 0, 4, "i8")
        && inputs_hold(host, 8192, u32::MAX - 3, 1, "i8")
        && requantise_holds(host, 64, "i32", "i8")
        && leaves_hold(host, 64, 0x100, 3)
        && leaves_hold(host, 4096, 0x100, 3)
}

#[test]
fn every_changed_constant_is_found() {
    // Without sanitizers: a mutation is about values.
    let Some(host) = Host::build(&source(), false) else { return };
    assert!(everything_holds(&host));
    for (what, from, to) in MUTATIONS {
        assert!(source().contains(from), "{what}: the source no longer has {from:?}");
        let host = Host::build(&source().replacen(from, to, 1), false).unwrap();
        assert!(!everything_holds(&host), "changed and not found: {what}");
    }
}
