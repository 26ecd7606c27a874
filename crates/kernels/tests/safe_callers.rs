//! What safe code can get wrong in a call of any kernel but convolution (`safe_callers_conv.rs`): it is
//! refused, with a message that says what is wrong, before memory is touched.

#[path = "common/refused.rs"]
mod refused;

use refused::refused;
use resnet_kernels::avg_pool_2x2_ceil::{AvgPool2x2Ceil, avg_pool_2x2_ceil, avg_pool_2x2_ceil_backward};
use resnet_kernels::dropout::dropout;
use resnet_kernels::elementwise::{self, ZeroPad, zero_pad, zero_pad_backward};
use resnet_kernels::gate::Gate::Carry;
use resnet_kernels::gate::{GateBackward, gate, gate_backward};
use resnet_kernels::layout::{nchw_to_nhwc, nhwc_to_nchw};
use resnet_kernels::norm::{
    Accumulate, Activation, BackwardMap, BackwardSums, GroupNorm, Moments, NormBackward, ScaleShift, apply,
    backward_apply, backward_in_place, backward_sums, moments, standardise, standardise_backward,
};
use resnet_kernels::pixels::{RowTaps, blend_row, inverse_dct};
use resnet_kernels::pool::{self, PoolKind, PoolShape, global_average, global_average_backward};
use resnet_kernels::simd::Isa;
use resnet_kernels::{Buffer, loss, parallel, probe};
use resnet_testing::table;

const GATES: &str = "gate: shapes differ";

/// What is wrong, a call, and what is said about it.
type Call = (&'static str, fn(), &'static str);

fn run(calls: &[Call]) {
    table::run(calls, |(_, call, says)| refused(call, says));
}

/// What a call would have returned.
fn ignored(_: f64) {}

/// So many numbers, and as many places.
fn of<const N: usize>() -> [f32; N] {
    [0.5; N]
}

/// Four of each.
const FITS: GateBackward = GateBackward { z: &[0.0; 4], x: &[0.0; 4], dy: &[0.0; 4] };

fn drop_of_four(keys: &[u64], keep: f64, out: &mut [f32]) {
    dropout(Isa::best(), keys, keep, &of::<4>(), out);
}

#[test]
fn safe_callers_cannot_write_outside_of_element_wise_kernels() {
    run(&[
        ("relu", || elementwise::relu(&of::<4>(), &mut of::<5>()), "relu: output of another shape"),
        ("relu", || elementwise::relu(&of::<4>(), &mut of::<3>()), "relu: output of another shape"),
        ("relu's y", || elementwise::relu_backward(&of::<3>(), &of::<4>(), &mut of::<4>()), "shapes differ"),
        ("relu's dy", || elementwise::relu_backward(&of::<4>(), &of::<3>(), &mut of::<4>()), "shapes differ"),
        ("relu's dx", || elementwise::relu_backward(&of::<4>(), &of::<4>(), &mut of::<5>()), "shapes differ"),
        ("add's a", || elementwise::add(&of::<3>(), &of::<4>(), &mut of::<4>()), "add: shapes differ"),
        ("add's b", || elementwise::add(&of::<4>(), &of::<3>(), &mut of::<4>()), "add: shapes differ"),
        ("add's sum", || elementwise::add(&of::<4>(), &of::<4>(), &mut of::<5>()), "add: shapes differ"),
        ("add_relu", || elementwise::add_relu(&of::<4>(), &of::<4>(), &mut of::<5>()), "add_relu: shapes"),
        ("add_assign", || elementwise::add_assign(&mut of::<5>(), &of::<4>()), "add_assign: shapes differ"),
        ("scale", || elementwise::scale(&of::<4>(), 2.0, &mut of::<5>()), "scale: output of another shape"),
        ("gate's z", || gate(Isa::best(), Carry, &of::<3>(), &of::<4>(), &mut of::<4>()), GATES),
        ("gate's x", || gate(Isa::best(), Carry, &of::<4>(), &of::<3>(), &mut of::<4>()), GATES),
        (
            "gate's dy",
            || gate_backward(Isa::best(), Carry, GateBackward { dy: &[0.0; 3], ..FITS }, None, None),
            GATES,
        ),
        (
            "gate's dz",
            || gate_backward(Isa::best(), Carry, FITS, Some((Accumulate::Set, &mut of::<5>())), None),
            GATES,
        ),
        (
            "gate's dx",
            || gate_backward(Isa::best(), Carry, FITS, None, Some((Accumulate::Add, &mut of::<5>()))),
            GATES,
        ),
        ("dropout", || drop_of_four(&[1], 0.5, &mut of::<5>()), "dropout: shapes differ"),
        ("dropout's keys", || drop_of_four(&[], 0.5, &mut of::<4>()), "without keys"),
        ("its images", || drop_of_four(&[1, 2, 3], 0.5, &mut of::<4>()), "different size"),
        ("none kept", || drop_of_four(&[1], 0.0, &mut of::<4>()), "(0, 1]"),
        ("NaN kept", || drop_of_four(&[1], f64::NAN, &mut of::<4>()), "(0, 1]"),
    ]);
}

#[test]
fn safe_callers_cannot_write_outside_of_layouts_losses_and_buffers() {
    const HALF: usize = 1 << 63;
    run(&[
        ("input", || nchw_to_nhwc(&of::<11>(), &mut of::<12>(), 2, 3, 2), "layout: input of another shape"),
        ("output", || nhwc_to_nchw(&of::<12>(), &mut of::<13>(), 2, 3, 2), "layout: output of another shape"),
        ("wrapped", || nhwc_to_nchw(&[], &mut [], HALF, 2, 1), "no memory holds"),
        (
            "logits",
            || ignored(loss::softmax_cross_entropy(&of::<5>(), &[0, 1], 3)),
            "logits of another shape",
        ),
        ("a label", || ignored(loss::softmax_cross_entropy(&of::<6>(), &[0, 3], 3)), "not below 3"),
        ("no classes", || ignored(loss::softmax_cross_entropy(&[], &[0], 0)), "no classes"),
        ("wrapped", || ignored(loss::softmax_cross_entropy(&[], &[0, 0], HALF)), "no memory holds"),
        (
            "gradient",
            || loss::softmax_cross_entropy_backward(&of::<6>(), &[0, 1], 3, 1.0, &mut of::<5>()),
            "gradient of another shape",
        ),
        ("targets", || ignored(loss::soft_cross_entropy(&of::<6>(), &of::<5>(), 3)), "targets of another"),
        (
            "targets",
            || ignored(loss::binary_cross_entropy(&of::<6>(), &of::<5>(), &of::<3>())),
            "targets of another",
        ),
        (
            "weights",
            || ignored(loss::binary_cross_entropy(&of::<6>(), &of::<6>(), &of::<4>())),
            "logits of another",
        ),
        (
            "gradient",
            || loss::binary_cross_entropy_backward(&of::<6>(), &of::<6>(), &of::<3>(), 1.0, &mut of::<7>()),
            "gradient of another",
        ),
        ("no classes", || ignored(loss::soft_cross_entropy(&of::<6>(), &of::<6>(), 0)), "logits of another"),
        (
            "soft gradient",
            || loss::soft_cross_entropy_backward(&of::<6>(), &of::<6>(), 3, 1.0, &mut of::<7>()),
            "gradient of another shape",
        ),
        ("a buffer", || drop(Buffer::unspecified(usize::MAX / 4)), "larger than the address space"),
        ("a buffer", || drop(Buffer::zeroed(usize::MAX)), "larger than the address space"),
        ("no threads", || parallel::with_threads(0, || ()), "one thread at least"),
        ("tasks", || parallel::for_each(usize::MAX, || (), |(), _| ()), "more than can be counted"),
        ("no copies", || ignored(probe::copy_gbytes_per_second(0)), "no copies"),
    ]);
}

const POOL: PoolShape =
    PoolShape { images: 1, in_h: 2, in_w: 3, channels: 2, kernel: 2, stride: 1, padding: 0 };

fn pool_forward(x: &[f32], out: &mut [f32]) {
    pool::forward(Isa::best(), &POOL, PoolKind::Average, x, out);
}

fn pool_backward(kind: PoolKind, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    pool::backward(Isa::best(), &POOL, kind, x, dy, dx);
}

/// Forward and backward of a shape that is wrong, in slices of the right one.
fn pooled(shape: PoolShape) {
    let isa = Isa::best();
    let forward = || pool::forward(isa, &shape, PoolKind::Max, &of::<12>(), &mut of::<4>());
    let backward =
        || pool::backward(isa, &shape, PoolKind::Average, &of::<12>(), &of::<4>(), &mut of::<12>());
    if std::panic::catch_unwind(forward).is_err() {
        backward()
    }
}

#[test]
fn safe_callers_cannot_write_outside_of_pools() {
    let (input, output) = ("pool: input of another shape", "pool: output of another shape");
    run(&[
        ("input", || pool_forward(&of::<11>(), &mut of::<4>()), input),
        ("output", || pool_forward(&of::<12>(), &mut of::<5>()), output),
        ("x", || pool_backward(PoolKind::Max, &of::<11>(), &of::<4>(), &mut of::<12>()), input),
        ("dy", || pool_backward(PoolKind::Max, &of::<12>(), &of::<3>(), &mut of::<12>()), output),
        (
            "dx",
            || pool_backward(PoolKind::Average, &of::<12>(), &of::<4>(), &mut of::<13>()),
            "pool: input gradient of another shape",
        ),
        ("no channels", || pooled(PoolShape { channels: 0, ..POOL }), "no channels"),
        ("no window", || pooled(PoolShape { kernel: 0, ..POOL }), "a window of nothing"),
        ("no stride", || pooled(PoolShape { stride: 0, ..POOL }), "not by a stride of 0"),
        ("padding", || pooled(PoolShape { padding: 2, ..POOL }), "in the padding alone"),
        ("no pixels", || pooled(PoolShape { in_h: 0, kernel: 3, padding: 2, ..POOL }), "padding alone"),
        ("wrapped", || pooled(PoolShape { images: (1 << 62) + 1, ..POOL }), "no memory holds"),
        ("wrapped", || pooled(PoolShape { in_h: (1 << 63) + 2, ..POOL }), "no memory holds"),
        ("average", || global_average(&of::<12>(), 2, 3, &mut of::<7>()), "output of another shape"),
        ("its input", || global_average(&of::<11>(), 2, 3, &mut of::<6>()), "input of another shape"),
        ("its channels", || global_average(&of::<12>(), 2, 0, &mut []), "no channels"),
        ("wrapped", || global_average(&[], 1 << 63, 2, &mut []), "no memory holds"),
        ("its dy", || global_average_backward(&of::<5>(), 2, 3, &mut of::<12>()), "output of another shape"),
        ("its dx", || global_average_backward(&of::<6>(), 2, 3, &mut of::<11>()), "input of another shape"),
    ]);
}

const HALVE: AvgPool2x2Ceil = AvgPool2x2Ceil { images: 1, in_h: 3, in_w: 2, channels: 2 };
const PAD: ZeroPad = ZeroPad { images: 1, in_h: 3, in_w: 2, in_channels: 2, out_channels: 4, stride: 2 };

#[test]
fn safe_callers_cannot_write_outside_of_shortcuts() {
    let (input, output) = ("input of another shape", "output of another shape");
    fn padded(shape: ZeroPad) {
        let forward = || zero_pad(&shape, &of::<12>(), &mut of::<8>());
        if std::panic::catch_unwind(forward).is_err() {
            zero_pad_backward(&shape, &of::<8>(), &mut of::<12>())
        }
    }
    run(&[
        ("avg_pool_2x2_ceil's x", || avg_pool_2x2_ceil(&HALVE, &of::<11>(), &mut of::<4>()), input),
        ("avg_pool_2x2_ceil's y", || avg_pool_2x2_ceil(&HALVE, &of::<12>(), &mut of::<5>()), output),
        (
            "avg_pool_2x2_ceil's dy",
            || avg_pool_2x2_ceil_backward(&HALVE, &of::<3>(), &mut of::<12>()),
            output,
        ),
        ("avg_pool_2x2_ceil's dx", || avg_pool_2x2_ceil_backward(&HALVE, &of::<4>(), &mut of::<13>()), input),
        (
            "no channels",
            || avg_pool_2x2_ceil(&AvgPool2x2Ceil { channels: 0, ..HALVE }, &[], &mut []),
            "no channels",
        ),
        (
            "wrapped",
            || avg_pool_2x2_ceil(&AvgPool2x2Ceil { images: 1 << 63, ..HALVE }, &[], &mut []),
            "no memory holds",
        ),
        ("pad's x", || zero_pad(&PAD, &of::<11>(), &mut of::<8>()), input),
        ("pad's y", || zero_pad(&PAD, &of::<12>(), &mut of::<9>()), output),
        ("pad's dy", || zero_pad_backward(&PAD, &of::<7>(), &mut of::<12>()), output),
        ("pad's dx", || zero_pad_backward(&PAD, &of::<8>(), &mut of::<13>()), input),
        ("no stride", || padded(ZeroPad { stride: 0, ..PAD }), "a stride of 0"),
        ("no channels", || padded(ZeroPad { in_channels: 0, ..PAD }), "no channels"),
        ("fewer", || zero_pad(&ZeroPad { out_channels: 1, ..PAD }, &of::<12>(), &mut of::<2>()), "don't fit"),
        ("wrapped", || padded(ZeroPad { images: (1 << 62) + 1, ..PAD }), "no memory holds"),
    ]);
}

/// Two channels of a norm, right until they are broken.
struct Layer {
    moments: Moments,
    map: ScaleShift,
    sums: BackwardSums,
    backward: BackwardMap,
}

impl Layer {
    fn right() -> Self {
        let of = || vec![0.5; 2];
        Layer {
            moments: Moments { mean: of(), var: of() },
            map: ScaleShift { scale: of(), shift: of() },
            sums: BackwardSums { sum_dy: vec![0.5; 2], sum_dy_xmu: vec![0.5; 2] },
            backward: BackwardMap { of_gradient: of(), of_input: of(), constant: of() },
        }
    }

    fn broken(breaks: impl FnOnce(&mut Layer)) -> Self {
        let mut layer = Self::right();
        breaks(&mut layer);
        layer
    }

    fn apply(&self, x: &[f32], other: Option<&[f32]>, out: &mut [f32]) {
        for isa in Isa::available() {
            apply(isa, x, &self.map, other, Activation::Relu, out);
        }
    }

    fn sums(&self, x: &[f32], dy: &[f32]) {
        for isa in Isa::available() {
            backward_sums(isa, x, dy, &self.moments.mean, &self.map, Activation::Relu);
        }
    }

    fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let Layer { map, backward, .. } = self;
        for isa in Isa::available() {
            backward_apply(isa, NormBackward { x, map, backward }, dy, Activation::Relu, Accumulate::Add, dx);
        }
    }

    fn backward_in_place(&self, x: &[f32], gradient: &mut [f32]) {
        let Layer { map, backward, .. } = self;
        for isa in Isa::available() {
            backward_in_place(isa, NormBackward { x, map, backward }, Activation::Relu, gradient);
        }
    }

    fn train(&self, gamma: &[f32], count: usize) {
        BackwardMap::train(gamma, &self.moments, 0.1, &self.sums, count);
    }
}

#[test]
fn safe_callers_cannot_write_outside_of_batch_norm() {
    let right = Layer::right();
    right.apply(&of::<6>(), Some(&of::<6>()), &mut of::<6>());
    right.sums(&of::<6>(), &of::<6>());
    right.backward(&of::<6>(), &of::<6>(), &mut of::<6>());
    right.backward_in_place(&of::<6>(), &mut of::<6>());
    right.train(&of::<2>(), 3);
    let (channels, length) = ("another number of channels", "of one length");
    run(&[
        ("moments", || drop(moments(Isa::best(), &of::<5>(), 2)), "no pixels of 2 channels"),
        ("no channels", || drop(moments(Isa::best(), &of::<5>(), 0)), "no pixels of 0 channels"),
        ("no pixels", || drop(moments(Isa::best(), &[], 2)), "no pixels to take statistics of"),
        ("x", || Layer::right().apply(&of::<5>(), None, &mut of::<6>()), "no pixels of 2 channels"),
        ("out", || Layer::right().apply(&of::<6>(), None, &mut of::<8>()), "output of another shape"),
        ("other", || Layer::right().apply(&of::<6>(), Some(&of::<4>()), &mut of::<6>()), "other operand"),
        (
            "shift",
            || Layer::broken(|l| l.map.shift.clear()).apply(&of::<6>(), None, &mut of::<6>()),
            channels,
        ),
        (
            "scale",
            || Layer::broken(|l| l.map.scale.clear()).apply(&of::<6>(), None, &mut of::<6>()),
            "pixels",
        ),
        ("dy", || Layer::right().sums(&of::<6>(), &of::<4>()), "gradient of another shape"),
        ("mean", || Layer::broken(|l| l.moments.mean.push(0.5)).sums(&of::<6>(), &of::<6>()), channels),
        ("dx", || Layer::right().backward(&of::<6>(), &of::<6>(), &mut of::<8>()), "gradient of another"),
        ("dy", || Layer::right().backward(&of::<6>(), &of::<8>(), &mut of::<6>()), "gradient of another"),
        ("in place", || Layer::right().backward_in_place(&of::<6>(), &mut of::<8>()), "gradient of another"),
        (
            "of input",
            || {
                Layer::broken(|l| l.backward.of_input.clear()).backward(
                    &of::<6>(),
                    &of::<6>(),
                    &mut of::<6>(),
                )
            },
            channels,
        ),
        ("gamma", || drop(ScaleShift::new(&of::<1>(), &of::<2>(), &Layer::right().moments, 0.1)), length),
        ("gamma", || Layer::right().train(&of::<3>(), 3), length),
        ("sums", || Layer::broken(|l| l.sums.sum_dy_xmu.clear()).train(&of::<2>(), 3), length),
        ("var", || Layer::broken(|l| l.moments.var.clear()).train(&of::<2>(), 3), length),
        ("no pixels", || Layer::right().train(&of::<2>(), 0), "no pixels"),
    ]);
}

/// A norm of two groups of two channels over one image.
fn grouped(images: usize, groups: usize, beta: &[f32]) -> GroupNorm<'_> {
    GroupNorm { images, groups, gamma: &[0.5; 4], beta, eps: 0.1, activation: Activation::Relu }
}

#[test]
fn safe_callers_cannot_write_outside_of_group_norm_and_standardisation() {
    fn forward(norm: GroupNorm, out: &mut [f32]) {
        norm.forward(Isa::best(), &of::<8>(), out);
    }
    fn backward(dy: &[f32], dx: &mut [f32]) {
        grouped(1, 2, &of::<4>()).backward(Isa::best(), &of::<8>(), dy, Accumulate::Set, Some(dx));
    }
    forward(grouped(1, 2, &of::<4>()), &mut of::<8>());
    backward(&of::<8>(), &mut of::<8>());
    let empty = GroupNorm { gamma: &[], ..grouped(1, 2, &[]) };
    refused(|| empty.forward(Isa::best(), &[], &mut []), "0 channels are no 2 groups").expect("refused");
    run(&[
        ("out", || forward(grouped(1, 2, &of::<4>()), &mut of::<12>()), "output of another shape"),
        ("beta", || forward(grouped(1, 2, &of::<3>()), &mut of::<8>()), "of one length"),
        ("groups", || forward(grouped(1, 3, &of::<4>()), &mut of::<8>()), "4 channels are no 3 groups"),
        ("no groups", || forward(grouped(1, 0, &of::<4>()), &mut of::<8>()), "4 channels are no 0 groups"),
        ("images", || forward(grouped(3, 2, &of::<4>()), &mut of::<8>()), "are no 3 images"),
        ("none", || forward(grouped(0, 2, &of::<4>()), &mut of::<8>()), "are no 0 images"),
        ("dy", || backward(&of::<4>(), &mut of::<8>()), "gradient of another shape"),
        ("dx", || backward(&of::<8>(), &mut of::<12>()), "input gradient of another shape"),
        ("filters", || standardise(&of::<7>(), 2, 0.1, &mut of::<7>()), "7 weights are no 2 filters"),
        ("no filters", || standardise(&of::<7>(), 0, 0.1, &mut of::<7>()), "7 weights are no 0 filters"),
        ("out", || standardise(&of::<6>(), 2, 0.1, &mut of::<8>()), "output of another shape"),
        ("dy", || standardise_backward(&of::<6>(), 2, 0.1, &of::<4>(), &mut of::<6>()), "of another shape"),
        ("dw", || standardise_backward(&of::<6>(), 2, 0.1, &of::<6>(), &mut of::<8>()), "of another shape"),
    ]);
}

#[test]
fn safe_callers_cannot_read_or_write_outside_of_images() {
    let block = |bytes: usize, stride: usize| {
        inverse_dct(Isa::best(), &[0; 64], &[1; 64], &mut vec![0; bytes], stride);
    };
    let blend = |width: usize, sums: usize| {
        let taps = RowTaps::new(5, vec![(0, vec![1; 5])]);
        blend_row(Isa::best(), &vec![[0; 4]; width], &taps, &mut vec![[0; 4]; sums]);
    };
    let taps =
        |first: usize, count: usize| drop(RowTaps::new(5, vec![(0, vec![1; 5]), (first, vec![1; count])]));
    block(7 * 9 + 8, 9);
    blend(5, 1);
    taps(2, 3);
    type Row<'a> = (&'a str, &'a (dyn Fn() + std::panic::RefUnwindSafe), &'a str);
    let rows: [Row<'_>; 8] = [
        ("a block's last row", &|| block(7 * 9 + 7, 9), "no room for a block"),
        ("a block's rows overlap", &|| block(100, 7), "no room for a block"),
        ("a block's rows wrap around", &|| block(100, usize::MAX / 4), "no room for a block"),
        ("a row too short", &|| blend(4, 1), "another width"),
        ("a row too long", &|| blend(6, 1), "another width"),
        ("sums without room", &|| blend(5, 0), "another width"),
        ("weights behind a row", &|| taps(2, 4), "has too few"),
        ("a first pixel behind a row", &|| taps(6, 0), "has too few"),
    ];
    for (what, call, says) in rows {
        refused(call, says).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    }
}
