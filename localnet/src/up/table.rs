//! The live table: one line per neuron, 80 columns.

use comfy_table::{CellAlignment, Table, presets};

use super::cast::Role;

/// What one line shows.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Row {
    /// Place on the subnet.
    pub uid: u16,
    /// Name of the process and of its log.
    pub name: String,
    /// What it does.
    #[serde(serialize_with = "role_name")]
    pub role: Role,
    /// Operations per second that the first validator verified in its last window.
    pub operations_per_second: Option<u64>,
    /// The last fault that a validator found in its compute.
    pub fault: Option<String>,
    /// Tokens per second that arrived in time in its last window, by the first validator.
    pub tokens_per_second: Option<f64>,
    /// The last fault that a validator found in its answers.
    pub inference_fault: Option<String>,
    /// Its reputation in compute with the first validator.
    pub score: u64,
    /// The same in answers.
    pub inference_score: u64,
    /// Its entry in the first validator's last weight vector.
    pub weight: u16,
    /// `Incentive` for miners, `Dividends` for validators, as the chain holds them.
    pub incentive: u16,
    /// Alpha of the last epoch, in rao.
    pub emission: u64,
    /// Alpha of all counted epochs, in rao.
    pub earned: u64,
    /// Stake on the subnet, in rao.
    pub stake: u64,
}

fn role_name<S: serde::Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.name())
}

/// The last column.
const LAST: usize = 6;

/// Renders the table. Each kind of work shows what was verified, or what was wrong with it.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["uid", "name", "compute", "answers", "incent", "emission", "stake"]);
    for row in rows {
        let compute = row.operations_per_second.map(|rate| format!("{} Gop/s", giga(rate)));
        let answers = row.tokens_per_second.map(|rate| format!("{rate:.1} tok/s"));
        table.add_row([
            row.uid.to_string(),
            row.name.clone(),
            row.fault.clone().or(compute).unwrap_or_default(),
            row.inference_fault.clone().or(answers).unwrap_or_default(),
            row.incentive.to_string(),
            coins(row.emission),
            coins(row.stake),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, u16::from(index < LAST)));
        if !matches!(index, 1..=3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Billions, with three digits behind the point.
fn giga(amount: u64) -> String {
    let thousandths = amount / 1_000_000;
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// Alpha or TAO, with two digits behind the point.
fn coins(rao: u64) -> String {
    let hundredths = rao / 10_000_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_eighty_columns() {
        let row = Row {
            uid: 255,
            name: "validator-16".to_owned(),
            role: Role::Miner,
            operations_per_second: Some(123_456_789_000),
            fault: None,
            tokens_per_second: Some(12_345.67),
            inference_fault: None,
            score: 12_345_678_900,
            inference_score: 12_345_678,
            weight: u16::MAX,
            incentive: u16::MAX,
            emission: 12_345_678_901,
            earned: 0,
            stake: 12_345_678_901_234,
        };
        let mut rows = [row.clone(), row];
        rows[1].name = "smaller-model".to_owned();
        rows[1].fault = Some("unsupported_version".to_owned());
        rows[1].inference_fault = Some("wrong_fingerprint".to_owned());
        let text = render(&rows);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "\n{text}");
        assert!(text.contains("123.456 Gop/s") && text.contains("12345.7 tok/s"), "\n{text}");
        assert!(text.contains("unsupported_version") && text.contains("wrong_fingerprint"), "\n{text}");
    }
}
