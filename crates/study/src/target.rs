//! The tables and figures of the paper by their names.

use std::fmt;

/// A table or figure of the paper, or its claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // their names say it
pub enum Target {
    Table1,
    Table2,
    Table3,
    Table4,
    Table5,
    Figure1,
    Figure3,
    Figure6,
    Claims,
}

impl Target {
    /// All tables and figures, in the order in which they are run.
    pub const TABLES_AND_FIGURES: [Target; 8] = [
        Target::Table1,
        Target::Table2,
        Target::Table3,
        Target::Table4,
        Target::Table5,
        Target::Figure1,
        Target::Figure3,
        Target::Figure6,
    ];

    /// Its name on the command line: `table1`, `figure6`.
    pub fn name(self) -> &'static str {
        match self {
            Target::Table1 => "table1",
            Target::Table2 => "table2",
            Target::Table3 => "table3",
            Target::Table4 => "table4",
            Target::Table5 => "table5",
            Target::Figure1 => "figure1",
            Target::Figure3 => "figure3",
            Target::Figure6 => "figure6",
            Target::Claims => "claims",
        }
    }

    /// Whether it is a figure: curves, and no published number of their own.
    pub(crate) fn is_figure(self) -> bool {
        self.name().starts_with("figure")
    }
}

/// `table 2`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name().split_at(self.name().len() - 1) {
            _ if *self == Target::Claims => f.write_str(self.name()),
            (kind, number) => write!(f, "{kind} {number}"),
        }
    }
}
