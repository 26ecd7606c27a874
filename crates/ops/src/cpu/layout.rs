//! candle's layout at the border, channels-last (`[N, H, W, C]`) inside.

use resnet_kernels::{Buffer, layout};

use crate::plan::Shape;

/// `values` (NCHW) as channels-last, written to `buffer`, which has as many.
pub(super) fn channels_last(mut buffer: Buffer, values: &[f32], shape: Shape) -> Buffer {
    layout::nchw_to_nhwc(values, &mut buffer, shape.images(), shape.channels(), shape.pixels());
    buffer
}

pub(super) fn channels_first(buffer: &[f32], shape: Shape) -> Vec<f32> {
    let mut values = vec![0.0; buffer.len()];
    layout::nhwc_to_nchw(buffer, &mut values, shape.images(), shape.channels(), shape.pixels());
    values
}
