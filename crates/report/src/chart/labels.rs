//! Labels at the ends of lines, moved apart where they would overlap.

/// The least distance between two labels' lines of text, in pixels.
const APART: f64 = 20.0;

/// The places of labels that belong at `wanted`, moved apart, and kept between `low` and `high` as far as
/// there is room.
pub(super) fn apart(wanted: &[f64], low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = wanted.to_vec();
    let mut least = low;
    for index in &order {
        places[*index] = places[*index].max(least);
        least = places[*index] + APART;
    }
    let mut most = high;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(most);
        most = places[*index] - APART;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_do_not_overlap() {
        let places = apart(&[100.0, 98.0, 101.0, 20.0], 10.0, 110.0);
        assert!(places[3] < places[1] && places[1] < places[0] && places[0] < places[2]);
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= APART - 1e-9), "{places:?}");
        assert!(places.iter().all(|place| (10.0..=110.0).contains(place)));
        assert_eq!(apart(&[50.0], 0.0, 100.0), [50.0]);
    }
}
