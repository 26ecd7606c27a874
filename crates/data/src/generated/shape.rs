//! The ten shapes as sets of points.

/// A shape, about as large as the disc of radius 1 around the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Disc,
    Ring,
    Crescent,
    Triangle,
    Square,
    Cross,
    Star,
    Heart,
    Arrow,
    Bars,
}

/// A five-pointed star: the outward normals of its five lines, cos and sin of 90, 162, 234, 306 and 18
/// degrees. (Written as numbers: `sin` differs between machines in the last bit.)
const STAR: [(f32, f32); 5] = [
    (0.0, 1.0),
    (-0.951_056_5, 0.309_017),
    (-0.587_785_25, -0.809_017),
    (0.587_785_25, -0.809_017),
    (0.951_056_5, 0.309_017),
];

impl Shape {
    /// All, in label order.
    pub(super) const ALL: [Shape; 10] = [
        Shape::Disc,
        Shape::Ring,
        Shape::Crescent,
        Shape::Triangle,
        Shape::Square,
        Shape::Cross,
        Shape::Star,
        Shape::Heart,
        Shape::Arrow,
        Shape::Bars,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::Disc => "disc",
            Shape::Ring => "ring",
            Shape::Crescent => "crescent",
            Shape::Triangle => "triangle",
            Shape::Square => "square",
            Shape::Cross => "cross",
            Shape::Star => "star",
            Shape::Heart => "heart",
            Shape::Arrow => "arrow",
            Shape::Bars => "bars",
        }
    }

    /// Whether the point belongs to the shape.
    pub(super) fn contains(self, x: f32, y: f32) -> bool {
        let square = x * x + y * y;
        match self {
            Shape::Disc => square < 0.72,
            Shape::Ring => (0.3..0.86).contains(&square),
            Shape::Crescent => square < 0.9 && (x - 0.5) * (x - 0.5) + y * y > 0.56,
            Shape::Triangle => y > -0.5 && 0.866_025_4 * x.abs() + 0.5 * y < 0.5,
            Shape::Square => x.abs().max(y.abs()) < 0.72,
            Shape::Cross => x.abs().min(y.abs()) < 0.27 && x.abs().max(y.abs()) < 0.95,
            // A point of the pentagram is beyond at most one of its five lines.
            Shape::Star => {
                let beyond = |&&(nx, ny): &&(f32, f32)| nx * x + ny * y < -0.33;
                STAR.iter().filter(beyond).count() <= 1 && square < 1.2
            }
            Shape::Heart => {
                let (x, y) = (1.28 * x, 1.28 * y + 0.12);
                let s = x * x + y * y - 1.0;
                s * s * s < x * x * y * y * y
            }
            Shape::Arrow => {
                let shaft = x.abs() < 0.2 && (-0.95..0.2).contains(&y);
                shaft || (y > 0.0 && x.abs() < 0.8 * (0.95 - y))
            }
            Shape::Bars => (0.25..0.68).contains(&x.abs()) && y.abs() < 0.85,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_as_large_as_they_are_told_and_differ() {
        let grid: Vec<(f32, f32)> =
            (0..10_000).map(|i| ((i % 100) as f32 / 40.0 - 1.24, (i / 100) as f32 / 40.0 - 1.24)).collect();
        let masks: Vec<Vec<bool>> =
            Shape::ALL.iter().map(|s| grid.iter().map(|&(x, y)| s.contains(x, y)).collect()).collect();
        for (shape, mask) in Shape::ALL.iter().zip(&masks) {
            let area = mask.iter().filter(|&&m| m).count() as f32 / 1600.0;
            assert!((0.7..2.4).contains(&area), "{shape:?} has area {area}");
            let reach = grid.iter().zip(mask).filter(|(_, m)| **m).map(|((x, y), _)| x * x + y * y);
            let reach = resnet_testing::largest(reach).sqrt();
            assert!((0.8..1.2).contains(&reach), "{shape:?} reaches to {reach}");
        }
        for (i, a) in masks.iter().enumerate() {
            for (j, b) in masks.iter().enumerate().skip(i + 1) {
                let differing = a.iter().zip(b).filter(|(a, b)| a != b).count() as f32 / 1600.0;
                assert!(differing > 0.3, "{:?} and {:?}: {differing}", Shape::ALL[i], Shape::ALL[j]);
            }
        }
    }
}
