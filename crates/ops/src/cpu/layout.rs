//! Conversion between candle's NCHW and the channels-last order (`[N, H, W, C]`) inside a run.

use resnet_kernels::{Buffer, layout};

use crate::plan::Shape;

/// Writes `values` (NCHW) to `buffer`, which has the same length, in channels-last order.
pub(super) fn channels_last(mut buffer: Buffer, values: &[f32], shape: Shape) -> Buffer {
    layout::nchw_to_nhwc(values, &mut buffer, shape.images(), shape.channels(), shape.pixels());
    buffer
}

pub(super) fn channels_first(buffer: &[f32], shape: Shape) -> Vec<f32> {
    let mut values = vec![0.0; buffer.len()];
    layout::nhwc_to_nchw(buffer, &mut values, shape.images(), shape.channels(), shape.pixels());
    values
}
