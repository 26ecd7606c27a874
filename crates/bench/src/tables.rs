//! What was measured, as tables for a terminal.

use resnet_terminal::table::{Column, Table};

use crate::kernels::{Layer, Network};
use crate::profile::{Profile, Row};

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
