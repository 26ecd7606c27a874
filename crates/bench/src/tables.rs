//! What was measured, as tables for a terminal.

use resnet_terminal::numbers;
use resnet_terminal::table::{Column, Table};

use crate::kernels::{Layer, Network};
use crate::profile::{Profile, Row};
use crate::statistics::Spread;
use crate::turns::{Comparison, Rival, Side, Trial};

impl Network {
    /// A row for each geometry.
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            Column::text("convolution"),
            Column::number("number").optional(1),
            Column::text("algorithm").optional(2),
            Column::number("output GFLOP/s"),
            Column::number("GB/s").optional(3),
            Column::number("input gradient"),
            Column::number("GB/s").optional(3),
            Column::number("weight gradient"),
            Column::number("GB/s").optional(3),
        ]);
        self.layers.iter().for_each(|layer| table.add(layer_cells(layer)));
        table
    }
}

fn layer_cells(layer: &Layer) -> Vec<String> {
    let Layer { input: [channels, height, width], outputs, kernel, stride, .. } = layer;
    let mut cells = vec![
        format!("{height}x{width} {channels} -> {outputs}, {kernel}x{kernel}/{stride}"),
        layer.count.to_string(),
        layer.algorithm.to_owned(),
    ];
    for pass in [layer.output, layer.input_gradient, layer.weight_gradient] {
        cells.extend([format!("{:.0}", pass.gflops), format!("{:.1}", pass.gbytes_per_second)]);
    }
    cells
}

impl Profile {
    /// A row for each kind of step, and one for their sum.
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            Column::text("what"),
            Column::text("pass"),
            Column::number("number").optional(2),
            Column::number("ms"),
            Column::number("share").optional(1),
            Column::number("GB/s"),
            Column::number("GFLOP/s"),
        ]);
        self.rows.iter().for_each(|row| table.add(self.cells(row)));
        let sum = ["all of it", "", "", &format!("{:.1}", self.ms), "100 %", "", ""];
        table.add(sum.map(str::to_owned));
        table
    }

    fn cells(&self, row: &Row) -> [String; 7] {
        let none_if = |is_none: bool, number: String| if is_none { String::new() } else { number };
        [
            row.what.clone(),
            row.pass.to_owned(),
            none_if(row.number == 0, row.number.to_string()),
            format!("{:.1}", row.ms),
            format!("{:.1} %", 100.0 * row.ms / self.ms),
            none_if(row.bytes == 0, format!("{:.1}", row.gbytes_per_second())),
            none_if(row.multiply_adds == 0, format!("{:.0}", row.gflops())),
        ]
    }
}

impl Comparison {
    /// A row for each side.
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            Column::text(""),
            Column::number("images/s"),
            Column::number("slowest").optional(3),
            Column::number("fastest").optional(3),
            Column::number("ms/image").optional(4),
            Column::number("memory"),
            Column::number("FMA GFLOP/s").optional(1),
            Column::number("lowest").optional(2),
        ]);
        table.add(side_cells("ours", &self.ours));
        if let Some(rival) = &self.rival {
            table.add(side_cells(&format!("{} {}", rival.title, rival.side.version), &rival.side));
        }
        table
    }
}

fn side_cells(name: &str, side: &Side) -> [String; 8] {
    let rates = Spread::of(side.images_per_second.iter().copied());
    let fma = Spread::of(side.fma_gflops.iter().copied());
    [
        name.to_owned(),
        numbers::speed(rates.median),
        numbers::speed(rates.lowest),
        numbers::speed(rates.highest),
        milliseconds(1e3 / rates.median),
        memory(side.peak_memory_bytes),
        format!("{:.0}", fma.median),
        format!("{:.0}", fma.lowest),
    ]
}

impl Rival {
    /// A row for each setting that was compared.
    pub fn table(&self) -> Table {
        let columns =
            [Column::text("settings compared"), Column::number("images/s"), Column::number("memory")];
        let mut table = Table::new(columns);
        for Trial { setting, images_per_second, peak_memory_bytes, .. } in &self.trials {
            table.add([setting.clone(), numbers::speed(*images_per_second), memory(*peak_memory_bytes)]);
        }
        table
    }
}

fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), numbers::bytes)
}

/// Three significant digits.
fn milliseconds(value: f64) -> String {
    let decimals = if value < 1.0 {
        3
    } else if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_have_three_digits() {
        assert_eq!([0.1234, 1.234, 12.34, 123.4].map(milliseconds), ["0.123", "1.23", "12.3", "123"]);
    }
}
