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
    /// The last fault that a validator found.
    pub fault: Option<String>,
    /// Its reputation with the first validator.
    pub score: u64,
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

/// Renders the table.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["uid", "name", "Gop/s", "last fault", "score", "weight", "incent", "emission", "stake"]);
    for row in rows {
        table.add_row([
            row.uid.to_string(),
            row.name.clone(),
            row.operations_per_second.map_or_else(String::new, giga),
            row.fault.clone().unwrap_or_default(),
            giga(row.score),
            row.weight.to_string(),
            row.incentive.to_string(),
            coins(row.emission),
            coins(row.stake),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if !matches!(index, 1 | 3) {
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
            fault: Some("opening_refused".to_owned()),
            score: 12_345_678_900,
            weight: u16::MAX,
            incentive: u16::MAX,
            emission: 12_345_678_901,
            earned: 0,
            stake: 12_345_678_901_234,
        };
        let text = render(&[row]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "\n{text}");
        assert!(text.contains("123.456") && text.contains("12345.67"), "\n{text}");
    }
}
