//! Long lines with few points: no extreme that could be seen is lost.

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

/// The mean of each point and those before it, as far back as `window` values reach.
pub(crate) fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
