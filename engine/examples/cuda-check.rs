//! Compiles every kernel for every generation of devices, without a device: NVRTC makes PTX and machine code, `ptxas`
//! assembles the PTX. Prints what each kernel takes; fails where one does not compile, spills registers or uses memory
//! that it should not.
//!
//! `scripts/cuda-check` fetches both programs and runs this. The first argument is the path of `ptxas`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use engine::cuda::kernels::{self, Target};

/// The generations that must compile, where the installed NVRTC knows them.
const WANTED: [u32; 7] = [75, 80, 86, 89, 90, 100, 120];

/// What `ptxas -v` says of a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    registers: u32,
    spilled: u32,
    stack: u32,
    shared: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let ptxas = std::env::args().nth(1).ok_or("the first argument is the path of ptxas")?;
    let folder = tempfile::tempdir()?;
    let known = kernels::architectures()?;
    println!("NVRTC knows {known:?}");
    let mut usages = BTreeMap::new();
    for capability in WANTED.into_iter().filter(|wanted| known.contains(wanted)) {
        let code = kernels::compile(Target::Machine(capability))?;
        if !code.starts_with(b"\x7fELF") {
            return Err(format!("NVRTC made no machine code for sm_{capability}").into());
        }
        let text = kernels::compile(Target::Portable(capability))?;
        for (name, usage) in assemble(Path::new(&ptxas), folder.path(), capability, &text)? {
            usages.entry(name).or_insert_with(BTreeMap::new).insert(capability, usage);
        }
    }
    print(&usages);
    check(&usages)
}

fn assemble(
    ptxas: &Path,
    folder: &Path,
    capability: u32,
    text: &[u8],
) -> Result<BTreeMap<String, Usage>, Box<dyn Error>> {
    let file = folder.join("kernels.ptx");
    std::fs::write(&file, text.strip_suffix(&[0]).unwrap_or(text))?;
    let output = Command::new(ptxas)
        .args(["-v", &format!("--gpu-name=sm_{capability}"), "-o"])
        .args([folder.join("kernels.cubin"), file])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("ptxas fails for sm_{capability}: {said}").into());
    }
    Ok(usage(&said))
}

/// Reads lines of three kinds: which kernel is meant, its stack and spills, its registers and shared memory.
fn usage(said: &str) -> BTreeMap<String, Usage> {
    let mut found: BTreeMap<String, Usage> = BTreeMap::new();
    let mut kernel = String::new();
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("entry function '") {
            kernel = rest.split('\'').next().unwrap_or_default().to_owned();
            found.entry(kernel.clone()).or_default();
        }
        let Some(usage) = found.get_mut(&kernel) else { continue };
        if line.contains("spill stores") {
            usage.stack = before(line, " bytes stack frame");
            usage.spilled = before(line, " bytes spill stores") + before(line, " bytes spill loads");
        }
        if line.contains(" registers") {
            usage.registers = before(line, " registers");
            usage.shared = before(line, " bytes smem");
        }
    }
    found
}

/// The number that stands before a word.
fn before(line: &str, word: &str) -> u32 {
    let number =
        line.split(word).next().filter(|head| head.len() < line.len()).and_then(|head| head.rsplit(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn print(usages: &BTreeMap<String, BTreeMap<u32, Usage>>) {
    let generations: Vec<_> = usages.values().next().into_iter().flatten().map(|(capability, _)| *capability).collect();
    print!("{:<22}", "registers");
    for capability in &generations {
        print!("{:>8}", format!("sm_{capability}"));
    }
    println!("  spilled  stack  shared");
    for (name, by) in usages {
        print!("{name:<22}");
        for capability in &generations {
            print!("{:>8}", by.get(capability).map(|usage| usage.registers).unwrap_or_default());
        }
        let most = |what: fn(&Usage) -> u32| by.values().map(what).max().unwrap_or(0);
        println!("{:>9}{:>7}{:>8}", most(|usage| usage.spilled), most(|usage| usage.stack), most(|usage| usage.shared));
    }
}

fn check(usages: &BTreeMap<String, BTreeMap<u32, Usage>>) -> Result<(), Box<dyn Error>> {
    for name in kernels::NAMES {
        let by = usages.get(name).ok_or_else(|| format!("{name} was not compiled"))?;
        for (capability, usage) in by {
            if usage.registers == 0 || usage.spilled != 0 {
                return Err(format!("{name} on sm_{capability}: {usage:?}").into());
            }
        }
    }
    let generations = usages.values().next().map_or(0, BTreeMap::len);
    println!("{} kernels compile for {generations} generations, without spills", kernels::NAMES.len());
    if generations == 0 { Err("nothing was compiled".into()) } else { Ok(()) }
}
