//! Tables that fit their terminal: text wraps, optional columns are left out, and a number is never broken.

use console::measure_text_width;

/// Blanks between columns.
const GAP: usize = 2;
/// A column of text this narrow still reads well.
const NARROW: usize = 16;
/// How much further in than its first line the other lines of a text begin, so that none looks like a row.
const HANGING: usize = 2;

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text, to the left; it may wrap.
    Text,
    /// Numbers, to the right; they never break.
    Number,
}

/// A column, and whether it is optional.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    kind: Kind,
    /// 0 is never left out; of the others the highest goes first.
    rank: u8,
}

impl Column {
    /// A column of text, aligned left; it may wrap.
    pub const fn text(title: &'static str) -> Column {
        Column { title, kind: Kind::Text, rank: 0 }
    }

    /// A column of numbers, aligned right; they never break.
    pub const fn number(title: &'static str) -> Column {
        Column { title, kind: Kind::Number, rank: 0 }
    }

    /// One that is left out where there is no room; the highest rank goes first.
    pub const fn optional(self, rank: u8) -> Column {
        Column { rank, ..self }
    }
}

/// Rows under a header.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Table {
        Table { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row with one cell per column; with fewer cells, [`Table::lines`] panics.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table at `width`, without blanks at the ends of lines. A last line names the columns that are left
    /// out.
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let widths = match width {
            None => shown.iter().map(|&column| self.natural(column)).collect(),
            Some(width) => self.fit(&mut shown, width),
        };
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let mut lines = Vec::new();
        for row in [&titles].into_iter().chain(&self.rows) {
            self.set(row, &shown, &widths, &mut lines);
        }
        let left_out = (0..self.columns.len()).filter(|column| !shown.contains(column));
        let mut left_out: Vec<&str> = left_out.map(|column| self.columns[column].title).collect();
        left_out.dedup();
        if !left_out.is_empty() {
            let told = format!("(no room for: {})", left_out.join(", "));
            lines.extend(crate::text::wrap(&told, width, 1).lines().map(str::to_owned));
        }
        lines
    }

    /// The cells of a column, its title first.
    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().map(move |row| row[column].as_str());
        std::iter::once(self.columns[column].title).chain(cells)
    }

    fn natural(&self, column: usize) -> usize {
        self.cells(column).map(measure_text_width).max().unwrap_or(0)
    }

    /// The least width at which nothing of a column is torn: a number stays whole, text breaks between its
    /// fragments.
    fn least(&self, column: usize) -> usize {
        let kind = self.columns[column].kind;
        let of_fragments = |text: &str| {
            let widths = fragments(text.trim_start()).map(|part| measure_text_width(part.trim_end()));
            let before = |index: usize| if index == 0 { blanks_before(text) } else { indent(text, kind) };
            widths.enumerate().map(|(index, width)| before(index) + width).max().unwrap_or(0)
        };
        let title = of_fragments(self.columns[column].title);
        let body = self.cells(column).skip(1);
        let body = match kind {
            Kind::Number => body.map(measure_text_width).max(),
            Kind::Text => body.map(of_fragments).max(),
        };
        title.max(body.unwrap_or(0))
    }

    /// Chooses the columns that are shown, and their widths.
    fn fit(&self, shown: &mut Vec<usize>, width: usize) -> Vec<usize> {
        // While there is an optional column to leave out, a text column keeps half of its natural width, and
        // at least `NARROW` columns of it.
        let readable = |column: usize| match self.columns[column].kind {
            Kind::Number => self.least(column),
            Kind::Text => {
                let natural = self.natural(column);
                self.least(column).max(natural.min((natural / 2).max(NARROW)))
            }
        };
        let room = |shown: &[usize]| width.saturating_sub(GAP * shown.len().saturating_sub(1));
        let mut least: Vec<usize> = shown.iter().map(|&column| readable(column)).collect();
        while least.iter().sum::<usize>() > room(shown) {
            let ranks = shown.iter().enumerate().map(|(place, &column)| (self.columns[column].rank, place));
            let Some((_, place)) = ranks.max().filter(|(rank, _)| *rank > 0) else {
                least = shown.iter().map(|&column| self.least(column)).collect();
                break;
            };
            shown.remove(place);
            least.remove(place);
        }
        // Tries each text column as the one that wraps, and takes the widths of the shortest table.
        let texts = (0..shown.len()).filter(|&place| self.columns[shown[place]].kind == Kind::Text);
        let tries = texts.map(|wraps| self.share(shown, &least, room(shown), wraps));
        tries.min_by_key(|widths| self.height(shown, widths)).unwrap_or(least)
    }

    /// Gives the room that `least` leaves to the text columns other than `wraps`, the narrowest first, then
    /// to `wraps`, then to numbers, whose titles may want it.
    fn share(&self, shown: &[usize], least: &[usize], room: usize, wraps: usize) -> Vec<usize> {
        let mut widths = least.to_vec();
        let mut left = room.saturating_sub(least.iter().sum());
        let mut order: Vec<usize> = (0..shown.len()).collect();
        order.sort_by_key(|&place| {
            let column = shown[place];
            (self.columns[column].kind == Kind::Number, place == wraps, self.natural(column))
        });
        for place in order {
            let more = self.natural(shown[place]).saturating_sub(widths[place]).min(left);
            widths[place] += more;
            left -= more;
        }
        widths
    }

    /// The lines of a row's cell at `width`.
    fn broken(&self, row: &[String], column: usize, width: usize) -> Vec<String> {
        broken(&row[column], self.columns[column].kind, width)
    }

    /// How many lines the rows take.
    fn height(&self, shown: &[usize], widths: &[usize]) -> usize {
        let lines = |row: &Vec<String>| {
            let cells = shown.iter().zip(widths);
            cells.map(|(&column, &width)| self.broken(row, column, width).len()).max().unwrap_or(1)
        };
        self.rows.iter().map(lines).sum()
    }

    /// Adds the lines of one row.
    fn set(&self, row: &[String], shown: &[usize], widths: &[usize], lines: &mut Vec<String>) {
        let cells: Vec<Vec<String>> =
            shown.iter().zip(widths).map(|(&column, &width)| self.broken(row, column, width)).collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(1) {
            let mut text = String::new();
            for (place, (cell, &width)) in cells.iter().zip(widths).enumerate() {
                let part = cell.get(line).map_or("", String::as_str);
                let blanks = " ".repeat(width.saturating_sub(measure_text_width(part)));
                text.push_str(if place > 0 { "  " } else { "" });
                match self.columns[shown[place]].kind {
                    Kind::Text => text.extend([part, &blanks]),
                    Kind::Number => text.extend([&blanks, part]),
                }
            }
            lines.push(text.trim_end().to_owned());
        }
    }
}

/// The parts of `text` between which a line may break: words, and names at their punctuation. A point or a
/// minus sign stays with the digit that follows.
fn fragments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut ends = rest.match_indices([' ', '.', '-', '_', '/']).map(|(at, sign)| at + sign.len());
        let may_break = |end: &usize| {
            let (before, after) = rest.split_at(*end);
            !(before.ends_with(['.', '-']) && after.starts_with(|letter: char| letter.is_ascii_digit()))
        };
        let end = ends.find(may_break).unwrap_or(rest.len());
        let (part, others) = rest.split_at(end);
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

fn blanks_before(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Where the lines of a cell after its first begin.
fn indent(text: &str, kind: Kind) -> usize {
    match kind {
        Kind::Text => blanks_before(text) + HANGING,
        Kind::Number => 0,
    }
}

/// `text` in lines of `width`: broken at blanks, and only where a word has no room at its punctuation.
fn broken(text: &str, kind: Kind, width: usize) -> Vec<String> {
    let indent = indent(text, kind);
    let (mut lines, mut line) = (Vec::new(), String::new());
    let mut add = |part: &str| {
        let column = measure_text_width(&line);
        let has_text = !line.trim_start().is_empty();
        if has_text && column + measure_text_width(part.trim_end()) > width {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
        }
        line.push_str(part);
    };
    for word in text.split_inclusive(' ') {
        match indent + measure_text_width(word.trim_end()) <= width {
            true => add(word),
            false => fragments(word).for_each(&mut add),
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `summary` has it.
    fn layers() -> Table {
        let mut table = Table::new([
            Column::text("layer"),
            Column::text("does").optional(2),
            Column::number("output"),
            Column::number("parameters"),
            Column::number("multiply-adds").optional(1),
        ]);
        for row in [
            ["stem.conv", "conv 7x7, stride 2", "64x112x112", "9,408", "118,013,952"],
            [
                "stages.3.blocks.0.downsample.conv",
                "conv 1x1, stride 2",
                "2048x7x7",
                "2,097,152",
                "102,760,448",
            ],
            ["stages.3.blocks.2.conv2", "conv 3x3", "512x7x7", "2,359,296", "115,605,504"],
        ] {
            table.add(row.map(str::to_owned));
        }
        table
    }

    #[test]
    fn a_pipe_and_a_wide_terminal_get_all_of_it() {
        let expected = [
            "layer                              does                    output  parameters  multiply-adds",
            "stem.conv                          conv 7x7, stride 2  64x112x112       9,408    118,013,952",
            "stages.3.blocks.0.downsample.conv  conv 1x1, stride 2    2048x7x7   2,097,152    102,760,448",
            "stages.3.blocks.2.conv2            conv 3x3               512x7x7   2,359,296    115,605,504",
        ];
        assert_eq!(layers().lines(None), expected);
        assert_eq!(layers().lines(Some(200)), expected);
    }

    #[test]
    fn at_eighty_columns_the_longest_names_wrap() {
        let expected = [
            "layer                    does                    output  parameters    multiply-",
            "                                                                            adds",
            "stem.conv                conv 7x7, stride 2  64x112x112       9,408  118,013,952",
            "stages.3.blocks.0.       conv 1x1, stride 2    2048x7x7   2,097,152  102,760,448",
            "  downsample.conv",
            "stages.3.blocks.2.conv2  conv 3x3               512x7x7   2,359,296  115,605,504",
        ];
        assert_eq!(layers().lines(Some(80)), expected);
    }

    #[test]
    fn the_text_that_wraps_is_the_one_that_makes_the_shorter_table() {
        let mut table = Table::new([Column::text("name"), Column::text("does"), Column::number("n")]);
        for name in ["layer2.0.downsample.0", "layer2.1.downsample.0", "fc"] {
            let does = if name == "fc" { "global average pool" } else { "conv" };
            table.add([name, does, "1"].map(str::to_owned));
        }
        let expected = [
            "name                   does              n",
            "layer2.0.downsample.0  conv              1",
            "layer2.1.downsample.0  conv              1",
            "fc                     global average    1",
            "                         pool",
        ];
        assert_eq!(table.lines(Some(42)), expected);
    }

    #[test]
    fn at_forty_columns_a_column_is_left_out_and_named() {
        let expected = [
            "layer                 output  parameters",
            "stem.conv         64x112x112       9,408",
            "stages.3.           2048x7x7   2,097,152",
            "  blocks.0.",
            "  downsample.",
            "  conv",
            "stages.3.            512x7x7   2,359,296",
            "  blocks.2.conv2",
            "(no room for: does, multiply-adds)",
        ];
        assert_eq!(layers().lines(Some(40)), expected);
    }

    #[test]
    fn no_number_is_broken_at_any_width_and_no_line_too_wide() {
        for width in 1..120 {
            let lines = layers().lines(Some(width));
            let all = lines.join(" ");
            assert!(all.contains("2,359,296") && all.contains("64x112x112"), "{width}: {lines:#?}");
            // Output, parameters and the narrowest names.
            if width >= 2 + 10 + 2 + 10 + "  downsample.".len() {
                assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{width}: {lines:#?}");
            }
        }
    }

    #[test]
    fn sentences_break_at_words_and_hang_under_their_beginning() {
        assert_eq!(
            broken("stride on the 3x3, as torchvision has it", Kind::Text, 16),
            ["stride on the", "  3x3, as", "  torchvision", "  has it"]
        );
        let name = "resnet110-exclusive-gating";
        assert_eq!(broken(name, Kind::Text, 12), ["resnet110-", "  exclusive-", "  gating"]);
        assert_eq!(broken("  (c) exclusive gating", Kind::Text, 16), ["  (c) exclusive", "    gating"]);
        assert_eq!(broken("multiply-adds", Kind::Number, 9), ["multiply-", "adds"]);
        assert_eq!(broken("", Kind::Text, 5), [""]);
    }

    #[test]
    fn no_number_within_a_text_is_broken() {
        let parts: Vec<&str> = fragments("bias -6, 0.5 on v1.2-a").collect();
        assert_eq!(parts, ["bias ", "-6, ", "0.5 ", "on ", "v1.2-", "a"]);
        assert_eq!(fragments("").count(), 0);
    }
}
