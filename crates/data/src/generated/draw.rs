//! Draws one image: a shaded background with specks, one shape, noise.
//!
//! Only additions, multiplications, divisions and square roots are used, which IEEE 754 defines to the last
//! bit: a seed gives the same bytes on every machine.

use super::SIDE;
use super::shape::Shape;
use resnet_vision::random::RandomStream;

type Colour = [f32; 3];

/// Points along each side of a pixel. The share of them inside the shape is the opacity of the shape's
/// colour.
const SAMPLES: usize = 3;
/// The range from which the standard deviation of an image's noise is drawn; white is 255.
const NOISE: (f32, f32) = (3.0, 12.0);
/// How far a shape leans either way: the tangent of 20 degrees.
const LEAN: f32 = 0.363_970_2;

/// Draws `shape` into `image`, `[3, 32, 32]` bytes.
pub(super) fn image(shape: Shape, stream: &mut RandomStream, image: &mut [u8]) {
    let (near, far, front) = colours(stream);
    let slope = direction(stream);
    let place = Place::random(stream);
    let specks: Vec<Speck> = (0..stream.below(4)).map(|_| Speck::random(stream)).collect();
    let noise = stream.between(NOISE.0, NOISE.1);

    for row in 0..SIDE {
        for column in 0..SIDE {
            // From -1 to 1 across the image.
            let unit = |pixel: usize| (2 * pixel + 1) as f32 / SIDE as f32 - 1.0;
            let across = 0.5 + 0.35 * (unit(column) * slope.0 + unit(row) * slope.1);
            let mut colour = blend(near, far, across);
            for speck in &specks {
                colour = blend(colour, speck.colour, speck.share(column, row));
            }
            colour = blend(colour, front, place.share(shape, column, row));
            for (c, value) in colour.into_iter().enumerate() {
                let value = value + noise * bell(stream);
                image[(c * SIDE + row) * SIDE + column] = (value + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// Two similar dark colours for the background and a brighter one for the shape that stands out from both.
fn colours(stream: &mut RandomStream) -> (Colour, Colour, Colour) {
    let mut colour = |low: f32, high: f32| -> Colour { std::array::from_fn(|_| stream.between(low, high)) };
    let difference = |a: Colour, b: Colour| -> f32 { (0..3).map(|c| (a[c] - b[c]).abs()).sum() };
    let near = colour(10.0, 110.0);
    let far = blend(near, colour(10.0, 110.0), 0.4);
    loop {
        let front = colour(90.0, 245.0);
        // The brightest `front` is 405 away even from the brightest background, so this ends.
        if difference(front, near) > 130.0 && difference(front, far) > 130.0 {
            return (near, far, front);
        }
    }
}

fn blend(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}

/// An approximately normal number with mean 0 and standard deviation 1: the sum of four uniform ones.
fn bell(stream: &mut RandomStream) -> f32 {
    let bits = stream.bits();
    let sum: u32 = (0..4).map(|i| (bits >> (16 * i)) as u32 & 0xFFFF).sum();
    (sum as f32 / 65_536.0 - 2.0) * 1.732_050_8
}

/// A random direction, all equally likely: a random point of the unit disc, scaled to length 1.
fn direction(stream: &mut RandomStream) -> (f32, f32) {
    loop {
        let (x, y) = (stream.between(-1.0, 1.0), stream.between(-1.0, 1.0));
        let square = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return (x / length, y / length);
        }
    }
}

/// Cosine and sine of a random angle of at most 20 degrees either way, from its tangent.
fn lean(stream: &mut RandomStream) -> (f32, f32) {
    let tangent = stream.between(-LEAN, LEAN);
    let length = (1.0 + tangent * tangent).sqrt();
    (1.0 / length, tangent / length)
}

/// Where the shape is, how large, and how it is turned and stretched.
struct Place {
    x: f32,
    y: f32,
    /// Maps an offset in pixels to the shape's own coordinates.
    matrix: [f32; 4],
}

impl Place {
    fn random(stream: &mut RandomStream) -> Self {
        let radius = stream.between(7.5, 13.0);
        // The whole shape is in the image, or nearly.
        let free = 16.5 - radius;
        let (cos, sin) = lean(stream);
        let stretch = stream.between(0.88, 1.0);
        Self {
            x: 16.0 + stream.between(-free, free),
            y: 16.0 + stream.between(-free, free),
            // The shapes' second axis points up, the rows' down.
            matrix: [cos / radius, sin / radius, sin / (radius * stretch), -cos / (radius * stretch)],
        }
    }

    /// How much of the pixel the shape covers, 0 to 1.
    fn share(&self, shape: Shape, column: usize, row: usize) -> f32 {
        let [a, b, c, d] = self.matrix;
        let own = |x: f32, y: f32| {
            let (x, y) = (x - self.x, y - self.y);
            (a * x + b * y, c * x + d * y)
        };
        let middle = own(column as f32 + 0.5, row as f32 + 0.5);
        // No shape reaches beyond 1.2, and no sample is further than 0.11 from the middle.
        if middle.0 * middle.0 + middle.1 * middle.1 > 1.8 {
            return 0.0;
        }
        let mut hits = 0;
        for sub in 0..SAMPLES * SAMPLES {
            let offset = |i: usize| (2 * i + 1) as f32 / (2 * SAMPLES) as f32;
            let (x, y) = own(column as f32 + offset(sub % SAMPLES), row as f32 + offset(sub / SAMPLES));
            hits += usize::from(shape.contains(x, y));
        }
        hits as f32 / (SAMPLES * SAMPLES) as f32
    }
}

/// A small disc in the background, which says nothing about the class.
struct Speck {
    x: f32,
    y: f32,
    radius: f32,
    colour: Colour,
}

impl Speck {
    fn random(stream: &mut RandomStream) -> Self {
        let (x, y) = (stream.between(0.0, 32.0), stream.between(0.0, 32.0));
        let radius = stream.between(0.8, 2.2);
        Self { x, y, radius, colour: std::array::from_fn(|_| stream.between(60.0, 160.0)) }
    }

    /// Full inside, fading over one pixel at the rim.
    fn share(&self, column: usize, row: usize) -> f32 {
        let (x, y) = (column as f32 + 0.5 - self.x, row as f32 + 0.5 - self.y);
        (self.radius + 0.5 - (x * x + y * y).sqrt()).clamp(0.0, 1.0)
    }
}
