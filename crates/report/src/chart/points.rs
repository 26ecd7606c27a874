//! Long lines with few points: no extreme that could be seen is lost.

use resnet_record::Seeds;

/// The most points that a line is drawn with.
const MOST: usize = 2000;

/// At most [`MOST`] of `points`, which are in the order of x: of each stretch the least and the greatest.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST / 2);
    let mut kept = Vec::with_capacity(MOST);
    for stretch in points.chunks(stretch) {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (Some(least), Some(greatest)) = (stretch.iter().min_by(by_y), stretch.iter().max_by(by_y)) else {
            continue;
        };
        match least.0 <= greatest.0 {
            true => kept.extend([*least, *greatest]),
            false => kept.extend([*greatest, *least]),
        }
    }
    kept
}

/// For each point, the mean of the last `window` values up to it, or of all if there are fewer. A `window` of
/// 0 counts as 1.
pub fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let window = window.max(1);
    let mut sum = 0.0;
    let mut result = Vec::with_capacity(points.len());
    for (index, (x, y)) in points.iter().enumerate() {
        sum += y;
        if index >= window {
            sum -= points[index - window].1;
        }
        result.push((*x, sum / (index + 1).min(window) as f64));
    }
    result
}

/// At each x that all lines have, the median of their values; each line is in the order of x.
pub fn medians(lines: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let Some((first, others)) = lines.split_first() else { return vec![] };
    let at = |line: &Vec<(f64, f64)>, x: f64| {
        line.binary_search_by(|point| point.0.total_cmp(&x)).ok().map(|place| line[place].1)
    };
    first
        .iter()
        .filter_map(|(x, y)| {
            let values = others.iter().map(|line| at(line, *x)).collect::<Option<Vec<_>>>()?;
            Some((*x, Seeds::of(values.into_iter().chain([*y])).median()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_stand_where_all_lines_have_a_value() {
        let lines = [
            vec![(1.0, 5.0), (2.0, 4.0), (3.0, 9.0)],
            vec![(1.0, 7.0), (2.0, 2.0)],
            vec![(1.0, 6.0), (2.0, 3.0)],
        ];
        assert_eq!(medians(&lines), [(1.0, 6.0), (2.0, 3.0)]);
        assert_eq!(medians(&[]), []);
    }

    #[test]
    fn extremes_stay() {
        let mut points: Vec<(f64, f64)> = (0..64_000).map(|step| (f64::from(step), 1.0)).collect();
        (points[31_234].1, points[50_001].1) = (9.0, -3.0);
        let kept = thinned(&points);
        assert!(kept.len() <= MOST && kept.contains(&(31_234.0, 9.0)) && kept.contains(&(50_001.0, -3.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 <= b.0));
        assert_eq!(thinned(&points[..7]), &points[..7]);
    }

    #[test]
    fn a_mean_looks_back() {
        let points = [(0.0, 4.0), (1.0, 2.0), (2.0, 0.0)];
        assert_eq!(smoothed(&points, 2), [(0.0, 4.0), (1.0, 3.0), (2.0, 1.0)]);
    }
}
