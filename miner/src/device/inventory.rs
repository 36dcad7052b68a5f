//! `miner devices`: what there is, whether it can be used, and why not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use engine::Path;
use futures_util::StreamExt as _;
use neuron_common::exit;
use serde::Serialize;

use crate::device::cuda::{self, Card};
use crate::device::metrics::RATE;
use crate::device::nvml::{self, Driver, Label};

/// How long a running miner may take to tell its metrics, and their length in bytes.
const ANSWER: Duration = Duration::from_secs(1);
const METRICS: usize = 1 << 20;

/// What there is.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// Name of the processor, as it gives it.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: NonZeroUsize,
    /// The paths through the processor, fastest first.
    pub paths: Vec<&'static str>,
    /// Paths that assay knows and this machine does not have.
    pub missing: Vec<&'static str>,
    /// What the NVIDIA driver says, or why it cannot be asked. Labels alone.
    pub nvidia: Found<Driver>,
    /// The cards that this build can compute with, or why it can with none.
    pub cuda: Found<Vec<Card>>,
    /// Operations per second of each device in the last window of the miner that runs here, if one does.
    pub rates: BTreeMap<String, f64>,
}

/// What was looked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// It is not, with the reason.
    Missing(String),
}

impl<T> From<Result<T, String>> for Found<T> {
    fn from(found: Result<T, String>) -> Self {
        found.map_or_else(Self::Missing, Self::Here)
    }
}

impl Inventory {
    /// Looks around; what cannot be read is unknown.
    #[must_use]
    pub fn take() -> Self {
        let (paths, missing): (Vec<Path>, Vec<Path>) = Path::ALL.into_iter().partition(|path| path.is_available());
        let names = |paths: Vec<Path>| paths.into_iter().map(Path::name).collect();
        Self {
            cpu: processor(),
            cores: cores(),
            paths: names(paths),
            missing: names(missing),
            nvidia: nvml::driver().into(),
            cuda: cuda::cards().into(),
            rates: BTreeMap::new(),
        }
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "cpu     {}, {} cores", self.cpu, self.cores)?;
        let without =
            if self.missing.is_empty() { String::new() } else { format!("; not {}", self.missing.join(", ")) };
        writeln!(text, "        {}{without}", self.paths.join(", "))?;
        let unknown = || "unknown".to_owned();
        match &self.nvidia {
            Found::Here(Driver { version, cuda, .. }) => {
                let (version, cuda) = (version.clone().unwrap_or_else(unknown), cuda.clone().unwrap_or_else(unknown));
                writeln!(text, "driver  NVIDIA {version}, for CUDA up to {cuda}")?;
            }
            Found::Missing(problem) => writeln!(text, "driver  {problem}")?,
        }
        match &self.cuda {
            Found::Here(cards) if cards.is_empty() => writeln!(text, "cuda    no device")?,
            Found::Here(cards) => writeln!(text, "cuda    {} device(s) can be used", cards.len())?,
            Found::Missing(problem) => writeln!(text, "cuda    {problem}")?,
        }
        if let Some(table) = self.table() {
            writeln!(text)?;
            table.lines().try_for_each(|line| writeln!(text, "{}", line.trim_end()))?;
        }
        for (device, rate) in &self.rates {
            writeln!(text, "rate    {device}: {rate:.3e} operations per second in the last window of `miner run`")?;
        }
        Ok(text)
    }

    /// A line for each card that the driver or CUDA knows, and one for its labels.
    fn table(&self) -> Option<Table> {
        let labels = match &self.nvidia {
            Found::Here(driver) => driver.cards.as_slice(),
            Found::Missing(_) => &[],
        };
        let usable = match &self.cuda {
            Found::Here(cards) => cards.as_slice(),
            Found::Missing(_) => &[],
        };
        let unlabelled =
            usable.iter().filter(|card| labels.iter().all(|label| label.uuid.as_ref() != Some(&card.uuid)));
        let unlabelled: Vec<Label> = unlabelled.map(bare).collect();
        if labels.is_empty() && unlabelled.is_empty() {
            return None;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["device", "name", "GiB", "free", "cc", "busy", "MHz", "°C"]);
        for label in labels.iter().chain(&unlabelled) {
            let card = usable.iter().find(|card| label.uuid.as_ref() == Some(&card.uuid));
            let device = card.map_or_else(|| "-".to_owned(), |card| format!("cuda:{}", card.index));
            let shown = |value: Option<u32>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
            table.add_row([
                device,
                label.name.clone().unwrap_or_else(|| "lost or unknown".to_owned()),
                gib(label.memory),
                gib(label.free),
                label.capability.clone().unwrap_or_else(|| "?".to_owned()),
                label.utilisation.map_or_else(|| "?".to_owned(), |percent| format!("{percent} %")),
                shown(label.clock),
                shown(label.temperature),
            ]);
            table.add_row([String::new(), remarks(label)]);
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 1));
        });
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
        Some(table)
    }
}

fn bare(card: &Card) -> Label {
    let (name, uuid) = (Some(card.name.clone()), Some(card.uuid.clone()));
    let capability = Some(format!("{}.{}", card.capability.0, card.capability.1));
    Label { name, uuid, memory: Some(card.memory), capability, ..Label::default() }
}

fn remarks(label: &Label) -> String {
    let mut remarks: Vec<String> = label.uuid.iter().cloned().collect();
    remarks.extend(label.ecc.map(|on| if on { "ECC on" } else { "ECC off" }.to_owned()));
    remarks
        .extend(label.processes.filter(|count| *count > 0).map(|count| format!("{count} process(es) compute there")));
    remarks.extend(label.throttled.iter().map(|reason| format!("slowed by {reason}")));
    remarks.join(", ")
}

fn gib(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 30)))
}

/// Prints the inventory, with the rates that a miner tells at `metrics`.
///
/// # Errors
/// When JSON cannot be made of it.
pub async fn run(metrics: SocketAddr, json: bool) -> Result<ExitCode> {
    let rates = rates(&told(metrics).await.unwrap_or_default());
    let inventory = Inventory { rates, ..Inventory::take() };
    let text = if json { serde_json::to_string_pretty(&inventory)? + "\n" } else { inventory.text()? };
    exit::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// The metrics at this address; an error when no miner runs there, which is no fault.
async fn told(address: SocketAddr) -> Result<String> {
    let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?;
    let mut body = http.get(format!("http://{address}/metrics")).send().await?.error_for_status()?.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
        anyhow::ensure!(bytes.len() <= METRICS, "longer than any metrics");
    }
    Ok(String::from_utf8(bytes)?)
}

/// The rates among the metrics of a miner.
fn rates(metrics: &str) -> BTreeMap<String, f64> {
    let rate = |line: &str| {
        let (device, rate) = line.strip_prefix(RATE)?.strip_prefix("{device=\"")?.split_once("\"} ")?;
        let device: super::DeviceName = device.parse().ok()?;
        Some((device.to_string(), rate.parse().ok().filter(|rate: &f64| rate.is_finite())?))
    };
    metrics.lines().filter_map(rate).collect()
}

/// Cores that this process may use, one if that is unknown.
#[must_use]
pub fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Name of the processor, its architecture if it has none.
#[must_use]
pub fn processor() -> String {
    named(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

fn named(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(':')?.1.trim()));
    name.filter(|name| !name.is_empty()).unwrap_or(std::env::consts::ARCH).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cards() -> Inventory {
        let uuid = |digit: &str| Some(format!("GPU-{}", digit.repeat(8)));
        let label = Label {
            name: Some("NVIDIA GeForce RTX 4090 Laptop GPU with a long name".to_owned()),
            uuid: uuid("a"),
            memory: Some(24 << 30),
            free: Some(23 << 30),
            capability: Some("8.9".to_owned()),
            ecc: Some(false),
            utilisation: Some(97),
            clock: Some(2520),
            temperature: Some(71),
            processes: Some(2),
            throttled: vec!["power cap", "heat"],
        };
        let driver = Driver {
            version: Some("580.65.06".to_owned()),
            cuda: Some("13.0".to_owned()),
            cards: vec![Label::default(), label],
        };
        let card = |index, digit| Card {
            index,
            name: "a card".to_owned(),
            uuid: uuid(digit).unwrap(),
            memory: 80 << 30,
            capability: (9, 0),
        };
        let cuda = Found::Here(vec![card(0, "a"), card(1, "b")]);
        Inventory { nvidia: Found::Here(driver), cuda, ..Inventory::take() }
    }

    #[test]
    fn a_processor_without_a_name_has_its_architecture() {
        assert_eq!(named("flags\t: a b\nmodel name\t: AMD EPYC \nmodel name\t: other"), "AMD EPYC");
        for nameless in ["", "model name", "model name :", "processor\t: 0"] {
            assert_eq!(named(nameless), std::env::consts::ARCH);
        }
    }

    #[test]
    fn the_portable_path_is_always_there() {
        let inventory = Inventory::take();
        assert_eq!(inventory.paths.last(), Some(&"portable"));
        assert_eq!(inventory.paths.len() + inventory.missing.len(), Path::ALL.len());
        assert!(inventory.text().unwrap().contains(&inventory.cpu));
    }

    #[test]
    fn cards_are_matched_by_what_stays_with_them_and_fit_80_columns() {
        let text = with_cards().text().unwrap();
        let table = text.split_once("\n\n").unwrap().1;
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        assert!(row("cuda:0").contains("RTX 4090") && row("cuda:0").contains("8.9"), "{table}");
        assert!(row("cuda:1").contains("a card") && row("cuda:1").contains("80.0"), "no label, but usable: {table}");
        assert!(row("-").contains("lost or unknown"), "{table}");
        let joined: String = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("slowed by"), "{table}");
    }

    #[test]
    fn a_build_or_machine_without_cuda_says_so() {
        let missing = Inventory {
            nvidia: Found::Missing("no NVIDIA driver is installed".to_owned()),
            cuda: Found::Missing("this build has no CUDA".to_owned()),
            ..Inventory::take()
        };
        let text = missing.text().unwrap();
        assert!(text.contains("driver  no NVIDIA driver") && text.contains("cuda    this build has no CUDA"), "{text}");
        assert_eq!(serde_json::to_value(&missing).unwrap()["cuda"]["missing"], "this build has no CUDA");
    }

    #[test]
    fn rates_are_read_from_metrics_and_garbage_is_left_out() {
        let metrics = format!(
            "# TYPE {RATE} gauge\n{RATE}{{device=\"cuda:0\"}} 1250000000000.5\n{RATE}{{device=\"x\\n\"}} 1\n\
             {RATE}{{device=\"cpu\"}} NaN\nassay_other{{device=\"cpu\"}} 1\n"
        );
        assert_eq!(rates(&metrics), [("cuda:0".to_owned(), 1_250_000_000_000.5)].into());
    }
}
