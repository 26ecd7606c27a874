//! `EvalTransform`: an image as an ImageNet checkpoint expects it. Resize, crop the centre, normalise.

use crate::image::Encoded;
use crate::pixels::{Pixel, Window, cut, whole};
use crate::resample::{self, Interpolation, resized_size};
use crate::{Direction, Error, Image, Normalisation};

/// The steps from a decoded image to the input of a network, as in torchvision's and timm's evaluations.
///
/// ```
/// use resnet_vision::{Interpolation, Normalisation, Image, EvalTransform};
///
/// let eval_transform = EvalTransform {
///     resize: 256,
///     crop: 224,
///     interpolation: Interpolation::Bilinear,
///     normalisation: Normalisation::IMAGENET,
/// };
/// let grey = Image::new(400, 300, vec![128; 400 * 300 * 3])?;
/// let input = eval_transform.apply(&grey);
/// assert_eq!(input.len(), 3 * 224 * 224);
/// assert_eq!(input[0], Normalisation::IMAGENET.apply(0, 128));
/// # Ok::<(), resnet_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvalTransform {
    /// The shorter side after resizing, in pixels; the aspect ratio is kept. 0 counts as 1.
    pub resize: usize,
    /// Height and width of the square that is cropped from the centre.
    pub crop: usize,
    /// The filter to resize with.
    pub interpolation: Interpolation,
    /// How bytes are converted to numbers.
    pub normalisation: Normalisation,
}

impl EvalTransform {
    /// For networks that take images of `side` x `side`, such as CIFAR's: the shorter side is resized to
    /// `side` with the bilinear filter, and the central square is taken, which is all of a square image.
    pub fn small(side: usize, normalisation: Normalisation) -> Self {
        Self { resize: side, crop: side, interpolation: Interpolation::Bilinear, normalisation }
    }

    /// The input for `image`, shape `[3, crop, crop]`.
    ///
    /// Resizing is Pillow's, to the byte, and only the cropped part is computed. If `crop` exceeds the
    /// resized image, it is surrounded with black, as in torchvision.
    ///
    /// # Panics
    /// If the image's fields contradict each other; [`Image::new`] and
    /// [`decode_bytes`](crate::image::decode_bytes) never make such an image.
    pub fn apply(&self, image: &Image) -> Vec<f32> {
        image.check();
        let size = (image.width, image.height);
        let mut out = Vec::with_capacity(3 * self.crop * self.crop);
        let pixels_of = |window: &Window| cut(&image.pixels, size.0, window);
        self.middle(size).append(pixels_of, Direction::Forward, &mut out);
        out
    }

    /// The input for an image that is not decoded yet: the same numbers, but only the part that is needed is
    /// decoded.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn apply_encoded(&self, image: &Encoded<'_>) -> Result<Vec<f32>, Error> {
        let mut out = Vec::with_capacity(3 * self.crop * self.crop);
        if self.crop == 0 {
            return Ok(out);
        }
        let square = self.middle(image.size());
        let needed = resample::needed(square.from, square.to, &square.window, self.interpolation);
        let part = image.part(&needed)?;
        square.append(|window| part.pixels(window), Direction::Forward, &mut out);
        Ok(out)
    }

    /// The ten inputs whose outputs are averaged in ten-crop testing (Krizhevsky et al. 2012),
    /// `[10, 3, crop, crop]`: the corners (top left, top right, bottom left, bottom right) and the middle,
    /// then their mirror images.
    ///
    /// # Errors
    /// If the file is corrupt.
    pub fn ten_crops(&self, image: &Encoded<'_>) -> Result<Vec<f32>, Error> {
        let size = image.size();
        let (width, height) = resized_size(size, self.resize.max(1));
        let part = image.part(&whole(size))?;
        let mut out = Vec::with_capacity(30 * self.crop * self.crop);
        for direction in [Direction::Forward, Direction::Mirrored] {
            for (x, y) in [
                (Span::first(width, self.crop), Span::first(height, self.crop)),
                (Span::last(width, self.crop), Span::first(height, self.crop)),
                (Span::first(width, self.crop), Span::last(height, self.crop)),
                (Span::last(width, self.crop), Span::last(height, self.crop)),
                (Span::middle(width, self.crop), Span::middle(height, self.crop)),
            ] {
                let pixels_of = |window: &Window| part.pixels(window);
                self.square(size, (x, y)).append(pixels_of, direction, &mut out);
            }
        }
        Ok(out)
    }

    /// The square that [`apply`](Self::apply) shows of an image of `size` (width, height): left, top, right
    /// and bottom in the image's pixels. It reaches beyond the image if the crop is larger than the resized
    /// image, which is then surrounded with black.
    pub fn seen(&self, size: (usize, usize)) -> [f64; 4] {
        let to = resized_size(size, self.resize.max(1));
        let axis = |size: usize, to: usize| {
            let span = Span::middle(to, self.crop);
            let start = span.start as f64 - span.before as f64;
            [start, start + self.crop as f64].map(|place| place * size as f64 / to as f64)
        };
        let ([left, right], [top, bottom]) = (axis(size.0, to.0), axis(size.1, to.1));
        [left, top, right, bottom]
    }

    /// The square in the middle of an image of `size`.
    fn middle(&self, size: (usize, usize)) -> Square<'_> {
        let to = resized_size(size, self.resize.max(1));
        self.square(size, (Span::middle(to.0, self.crop), Span::middle(to.1, self.crop)))
    }

    fn square(&self, from: (usize, usize), (x, y): (Span, Span)) -> Square<'_> {
        let to = resized_size(from, self.resize.max(1));
        let window = (x.start..x.start + x.count, y.start..y.start + y.count);
        Square { eval_transform: self, from, to, x, y, window }
    }
}

/// One crop of one image.
struct Square<'a> {
    eval_transform: &'a EvalTransform,
    /// Width and height of the image before and after it is resized.
    from: (usize, usize),
    to: (usize, usize),
    x: Span,
    y: Span,
    /// What is kept of the resized image.
    window: Window,
}

impl Square<'_> {
    /// Appends the crop to `out`; `pixels_of` gives the pixels in a window of the image.
    fn append(&self, pixels_of: impl Fn(&Window) -> Vec<Pixel>, direction: Direction, out: &mut Vec<f32>) {
        let Square { eval_transform, x, y, .. } = self;
        let EvalTransform { crop, interpolation, .. } = **eval_transform;
        let window = (&self.window, direction);
        let cut = resample::resize_bands(pixels_of, self.from, self.to, window, interpolation);
        let after = crop - x.before - x.count;
        let (before, after) =
            if direction == Direction::Mirrored { (after, x.before) } else { (x.before, after) };
        let start = out.len();
        for (c, table) in eval_transform.normalisation.tables().iter().enumerate() {
            out.extend(std::iter::repeat_n(table[0], y.before * crop));
            for row in cut.chunks_exact(x.count.max(1)) {
                out.extend(std::iter::repeat_n(table[0], before));
                out.extend(row.iter().map(|pixel| table[usize::from(pixel[c])]));
                out.extend(std::iter::repeat_n(table[0], after));
            }
            out.resize(start + (c + 1) * crop * crop, table[0]);
        }
    }
}

/// One axis of the crop: which pixels of the resized image it takes.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    /// Black pixels before the first.
    before: usize,
    /// The first pixel taken.
    start: usize,
    /// How many are taken.
    count: usize,
}

impl Span {
    /// The first `crop` of `size` pixels; if there are fewer, all of them, centred.
    fn first(size: usize, crop: usize) -> Self {
        if crop > size { Self::middle(size, crop) } else { Self { before: 0, start: 0, count: crop } }
    }

    /// The last `crop` of `size` pixels; if there are fewer, all of them, centred.
    fn last(size: usize, crop: usize) -> Self {
        if crop > size {
            Self::middle(size, crop)
        } else {
            Self { before: 0, start: size - crop, count: crop }
        }
    }

    /// The middle `crop` of `size` pixels.
    fn middle(size: usize, crop: usize) -> Self {
        if crop > size {
            return Self { before: (crop - size) / 2, start: 0, count: size };
        }
        let spare = size - crop;
        // torchvision rounds `spare / 2` with Python's `round`: a half goes to the even neighbour.
        let start = if spare % 4 == 3 { spare / 2 + 1 } else { spare / 2 };
        Self { before: 0, start, count: crop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::encode_png;

    #[test]
    fn sizes_and_crops_match_torchvision() {
        assert_eq!(resized_size((500, 333), 256), (384, 256));
        assert_eq!(resized_size((333, 500), 256), (256, 384));
        assert_eq!(resized_size((7, 7), 256), (256, 256));
        let start = |size, crop| Span::middle(size, crop).start;
        // round(0.5) = 0, round(1.5) = 2, round(2.5) = 2, round(3.5) = 4.
        assert_eq!([225, 227, 229, 231].map(|size| start(size, 224)), [0, 2, 2, 4]);
        assert_eq!([224, 226, 256].map(|size| start(size, 224)), [0, 1, 16]);
        assert_eq!(Span::middle(5, 8), Span { before: 1, start: 0, count: 5 });
    }

    #[test]
    fn a_crop_larger_than_the_image_is_filled_with_black() {
        let image = Image::new(2, 2, vec![255; 12]).unwrap();
        let mut eval_transform = EvalTransform::small(2, Normalisation::UNIT);
        eval_transform.crop = 5;
        let out = eval_transform.apply(&image);
        let row = |y: usize| &out[25 + 5 * y..][..5];
        assert_eq!(out.len(), 75);
        assert_eq!([row(0), row(1), row(2), row(3)].map(|r| r.iter().sum::<f32>()), [0.0, 2.0, 2.0, 0.0]);
        assert_eq!(row(1), [0.0, 1.0, 1.0, 0.0, 0.0]);
        eval_transform.crop = 0;
        assert!(eval_transform.apply(&image).is_empty());
    }

    #[test]
    fn ten_crops_are_corners_middle_and_mirror_images() {
        let pixels: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 31 % 251) as u8).collect();
        let image = Image::new(7, 5, pixels.clone()).unwrap();
        let png = encode_png(&image).unwrap();
        let encoded = Encoded::open(&png, "seven-by-five.png").unwrap();
        let mut eval_transform = EvalTransform::small(5, Normalisation::UNIT);
        eval_transform.crop = 3;
        let ten = eval_transform.ten_crops(&encoded).unwrap();
        let corners = [(0, 0), (4, 0), (0, 2), (4, 2), (2, 1)];
        assert_eq!(ten.len(), 10 * 27);
        for (number, crop) in ten.chunks_exact(27).enumerate() {
            let (left, top) = corners[number % 5];
            for (i, value) in crop.iter().enumerate() {
                let (c, y, x) = (i / 9, i / 3 % 3, i % 3);
                let x = if number < 5 { x } else { 2 - x };
                let byte = pixels[3 * (7 * (top + y) + left + x) + c];
                assert_eq!(*value, f32::from(byte) / 255.0, "crop {number}, channel {c}, row {y}");
            }
        }
        assert_eq!(ten[4 * 27..5 * 27], eval_transform.apply(&image));
        assert_eq!(eval_transform.seen((7, 5)), [2.0, 1.0, 5.0, 4.0]);
        assert_eq!(eval_transform.seen((70, 50)), [20.0, 10.0, 50.0, 40.0]);
        eval_transform.crop = 8;
        assert_eq!(eval_transform.ten_crops(&encoded).unwrap().len(), 10 * 3 * 64);
    }

    #[test]
    fn a_line_of_pixels_takes_little_memory() {
        // Resized as a whole it would have 256 x 51,200,000 pixels.
        let image = Image::new(200_000, 1, vec![7; 600_000]).unwrap();
        let eval_transform = EvalTransform {
            resize: 256,
            crop: 224,
            interpolation: Interpolation::Bicubic,
            normalisation: Normalisation::UNIT,
        };
        assert!(eval_transform.apply(&image).iter().all(|&v| v == 7.0 / 255.0));
    }
}
