//! Sizes of tensors, multiplied without wrapping around: a product that wrapped would call a short slice long
//! enough.

// The 17 bits above `MOST_FLOATS` leave room for the lengths that kernels derive from a shape, such as 36
// positions of padded channels in 32 partial sums.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("resnet-kernels checks shapes with numbers of 64 bits; this target's have fewer");

/// The most floats of a tensor: 512 TiB, which is more than a process can have.
pub(crate) const MOST_FLOATS: usize = 1 << 47;

/// Floats of a tensor with these sides; `None` if the product of the sides that are not 0 is more than
/// [`MOST_FLOATS`]: a side of 0 doesn't excuse the others.
pub(crate) fn checked_floats(sides: &[usize]) -> Option<usize> {
    let product = sides.iter().try_fold(1usize, |product, side| product.checked_mul(*side.max(&1)))?;
    (product <= MOST_FLOATS).then(|| sides.iter().product())
}

/// Floats of a tensor with these sides.
///
/// # Panics
/// Where [`checked_floats`] is `None`.
pub(crate) fn floats(kernel: &str, sides: &[usize]) -> usize {
    match checked_floats(sides) {
        Some(floats) => floats,
        None => panic!("{kernel}: no memory holds a tensor with the sides {sides:?}"),
    }
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
