//! A curve in a terminal, drawn with braille dots: two columns and four rows of them in each character.

use console::measure_text_width;

use crate::numbers::{count, few_digits};

/// Rows of characters that a curve takes.
const ROWS: usize = 12;
/// Columns of a picture that goes into a pipe.
const USUAL: usize = 80;
/// The narrowest curve that is still one.
const NARROWEST: usize = 8;

/// The bits of a braille character's dots, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A curve over a horizontal axis.
#[derive(Debug, Clone)]
struct Plot<'a> {
    /// Values at equal distances; the highest decides the scale, whose low end is zero.
    values: &'a [f64],
    /// Lines of text under the axis. Each text has its place, 0 at the left end and 1 at the right; those of
    /// the first line are marked on the axis.
    below: Vec<Vec<(f64, String)>>,
    /// How a value on the vertical axis is written.
    label: fn(f64) -> String,
}

impl Plot<'_> {
    /// The picture in lines of at most `width` columns; 80 without one.
    fn lines(&self, width: Option<usize>) -> Vec<String> {
        let finite = |value: &&f64| value.is_finite();
        let most = self.values.iter().filter(finite).copied().fold(0.0, f64::max);
        let top = round_up(most);
        let labels: Vec<(usize, String)> = [(0, top), (ROWS / 2, top / 2.0), (ROWS, 0.0)]
            .map(|(row, value)| (row, (self.label)(value)))
            .into();
        let left = labels.iter().map(|(_, label)| measure_text_width(label)).max().unwrap_or(0);
        let columns = width.unwrap_or(USUAL).saturating_sub(left + 2).max(NARROWEST);
        let dots = dotted(self.values, top, columns);
        let mut lines = Vec::new();
        for (row, line) in dots.iter().enumerate() {
            // A label stands at the upper edge of its row; the lowest label is written beside the axis.
            let label = labels.iter().find(|(at, _)| *at == row).map_or("", |(_, label)| label);
            let edge = if label.is_empty() { '│' } else { '┤' };
            lines.push(format!("{label:>left$} {edge}{line}").trim_end().to_owned());
        }
        let zero = &labels[labels.len() - 1].1;
        let mut axis: Vec<char> = vec!['─'; columns];
        let marks = self.below.first().into_iter().flatten();
        marks.for_each(|(place, _)| axis[column(*place, columns)] = '┬');
        lines.push(format!("{zero:>left$} └{}", axis.into_iter().collect::<String>()));
        for texts in &self.below {
            lines.push(format!("{}{}", " ".repeat(left + 2), under(texts, columns)).trim_end().to_owned());
        }
        lines
    }
}

/// The picture of a learning rate by step over `epochs` epochs, with both under its axis, in lines of at most
/// `width` columns; 80 without one.
pub fn rate(rates: &[f64], epochs: f64, width: Option<usize>) -> Vec<String> {
    let axis = |end: f64, unit: &str| {
        let ticks = ticks(end);
        let last = ticks.len() - 1;
        let text = |(number, tick): (usize, &f64)| {
            let text = if tick.fract() == 0.0 { count(*tick as u64) } else { few_digits(*tick) };
            (tick / end.max(f64::MIN_POSITIVE), if number == last { format!("{text} {unit}") } else { text })
        };
        ticks.iter().enumerate().map(text).collect()
    };
    let below = vec![axis(rates.len() as f64, "steps"), axis(epochs, "epochs")];
    Plot { values: rates, below, label: few_digits }.lines(width)
}

/// Round numbers from zero to `end`, four to seven of them.
fn ticks(end: f64) -> Vec<f64> {
    if end.is_nan() || end <= 0.0 {
        return vec![0.0];
    }
    let rough = end / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= rough);
    let step = step.unwrap_or(end);
    (0..8).map(|number| f64::from(number) * step).take_while(|tick| *tick <= end * (1.0 + 1e-9)).collect()
}

/// The column of a place from 0 to 1.
fn column(place: f64, columns: usize) -> usize {
    ((place * columns as f64) as usize).min(columns - 1)
}

/// Texts with their middles at their places, as far as none touches another.
fn under(texts: &[(f64, String)], columns: usize) -> String {
    let mut line = String::new();
    for (place, text) in texts {
        let width = measure_text_width(text);
        let middle = column(*place, columns);
        let start = middle.saturating_sub(width / 2).min(columns.saturating_sub(width));
        let end = measure_text_width(&line);
        if end == 0 || start >= end + 2 {
            line.push_str(&" ".repeat(start - end.min(start)));
            line.push_str(text);
        }
    }
    line
}

/// The least of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten that is not below `most`.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    // 0.1 is one tenth, though its logarithm may be a little below -1.
    steps.into_iter().map(|step| step * power).find(|value| *value >= most * (1.0 - 1e-9)).unwrap_or(most)
}

/// The curve as rows of braille characters. Each column of dots spans all values that fall into it and
/// reaches to its neighbour, so that no spike and no drop is lost.
fn dotted(values: &[f64], top: f64, columns: usize) -> Vec<String> {
    let (wide, high) = (2 * columns, 4 * ROWS);
    let mut cells = vec![vec![0u8; columns]; ROWS];
    let row_of = |value: f64| {
        let share = (value / top).clamp(0.0, 1.0);
        ((1.0 - share) * (high - 1) as f64).round() as usize
    };
    let mut before: Option<usize> = None;
    for x in 0..wide {
        let (from, to) = (x * values.len() / wide, ((x + 1) * values.len()).div_ceil(wide));
        let here = values[from..to.min(values.len())].iter().filter(|value| value.is_finite());
        let rows: Vec<usize> = here.map(|value| row_of(*value)).collect();
        let (Some(high), Some(low)) = (rows.iter().min(), rows.iter().max()) else {
            before = None;
            continue;
        };
        // From the neighbour's last value down or up to this column's.
        let joined = before.filter(|row| row + 1 < *high || *row > low + 1);
        let (first, last) = match joined {
            Some(row) if row < *high => (row + 1, *low),
            Some(row) => (*high, row - 1),
            None => (*high, *low),
        };
        for y in first..=last {
            cells[y / 4][x / 2] |= DOTS[x % 2][y % 4];
        }
        before = rows.last().copied();
    }
    let braille =
        |bits: &u8| if *bits == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ') };
    cells.iter().map(|row| row.iter().map(braille).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[f64]) -> Plot<'_> {
        let below =
            vec![vec![(0.0, "0".to_owned()), (0.5, "500".to_owned()), (1.0, "1,000 steps".to_owned())]];
        Plot { values, below, label: |value| format!("{value:.2}") }
    }

    #[test]
    fn a_picture_keeps_to_its_width() {
        let values: Vec<f64> = (0..1000).map(|step| 0.1 - 1e-4 * f64::from(step)).collect();
        for width in [12, 40, 80, 132] {
            let lines = plot(&values).lines(Some(width));
            assert_eq!(lines.len(), ROWS + 2);
            let widest = lines.iter().map(|line| measure_text_width(line)).max().unwrap();
            assert!(widest <= width.max(NARROWEST + 6), "{width}: {}", lines.join("\n"));
        }
        assert_eq!(plot(&values).lines(None), plot(&values).lines(Some(USUAL)));
    }

    #[test]
    fn a_line_falls_from_the_top_left_to_the_bottom_right() {
        let values: Vec<f64> = (0..1000).map(|step| 0.1 - 1e-4 * f64::from(step)).collect();
        let lines = plot(&values).lines(Some(80));
        let first = lines[0].strip_prefix("0.10 ┤").and_then(|row| row.chars().next());
        assert!(first.is_some_and(|dots| ('\u{2801}'..='\u{28ff}').contains(&dots)), "{}", lines.join("\n"));
        assert!(lines[0].chars().count() < 16, "{}", lines[0]);
        assert!(lines[ROWS - 1].chars().count() == 80, "{}", lines[ROWS - 1]);
        assert!(lines[ROWS].starts_with("0.00 └┬") && lines[ROWS].ends_with('┬'), "{}", lines[ROWS]);
        assert!(lines[ROWS + 1].ends_with("1,000 steps"), "{}", lines[ROWS + 1]);
    }

    #[test]
    fn a_drop_is_joined_and_a_spike_of_one_value_is_seen() {
        let mut values = vec![0.1; 5000];
        values.extend(vec![0.01; 5000]);
        values[2500] = 0.0;
        let lines = plot(&values).lines(Some(80));
        for row in &lines[1..ROWS - 2] {
            // The spike, down to zero, and the drop.
            assert_eq!(
                row.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count(),
                2,
                "{}",
                lines.join("\n")
            );
        }
    }

    #[test]
    fn nothing_and_what_is_no_number_are_drawn_as_nothing() {
        for values in [&[][..], &[f64::NAN], &[0.0], &[0.0, f64::INFINITY]] {
            assert_eq!(plot(values).lines(Some(40)).len(), ROWS + 2);
        }
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!([0.1, 0.4, 0.35, 7.0, 0.0].map(round_up), [0.1, 0.4, 0.4, 8.0, 1.0]);
        assert_eq!(ticks(64_000.0), [0.0, 20_000.0, 40_000.0, 60_000.0]);
        assert_eq!(ticks(163.7), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(ticks(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
