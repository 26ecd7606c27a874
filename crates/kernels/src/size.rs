//! Sizes of tensors, multiplied without wrapping around: a product that wrapped would call a short slice long
//! enough.

// Floats of what kernels derive from a shape, such as 36 positions of padded channels in 32 partial sums, are
// counted in the 17 bits above `MOST_FLOATS`.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("resnet-kernels checks shapes with numbers of 64 bits; this target's have fewer");

/// Floats of a tensor at most: 512 TiB, which is more than a process can have.
pub(crate) const MOST_FLOATS: usize = 1 << 47;

/// Floats of a tensor with these sides.
///
/// # Panics
/// If that is more than [`MOST_FLOATS`], also without the sides that are 0: no side may be more than that
/// because another one is 0.
pub(crate) fn floats(kernel: &str, sides: &[usize]) -> usize {
    let product = sides.iter().try_fold(1usize, |product, side| product.checked_mul(*side.max(&1)));
    assert!(
        product.is_some_and(|product| product <= MOST_FLOATS),
        "{kernel}: no memory holds a tensor with the sides {sides:?}"
    );
    sides.iter().product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_that_wrap_around_are_refused_whatever_else_is_zero() {
        let top = 1 << 63;
        let refused: [&[usize]; 5] =
            [&[top, 2], &[top, 2, 0], &[0, usize::MAX], &[MOST_FLOATS, 2], &[1 << 24, 1 << 24, 1 << 24]];
        for sides in refused {
            assert!(std::panic::catch_unwind(|| floats("kernel", sides)).is_err(), "{sides:?}");
        }
        assert_eq!(floats("kernel", &[3, 5, 7]), 105);
        assert_eq!(floats("kernel", &[3, 0, 7]), 0);
        assert_eq!(floats("kernel", &[MOST_FLOATS, 1]), MOST_FLOATS);
    }
}
