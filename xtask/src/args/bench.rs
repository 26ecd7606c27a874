//! What `bench` takes: the work, the network, who takes turns with us.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use resnet_ops::Recompute;

use super::{FormatArg, ThreadsArg, positive};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_name = "WHAT")]
    pub(crate) what: BenchKind,
    /// Name of the network [default: resnet20-v2; for kernels resnet110-v2, resnet164-v2 and resnet50]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Batch size [default: 128 for CIFAR networks, 16 for ImageNet networks]
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub(crate) batch: Option<NonZeroUsize>,
    /// Number of measurements, each of at least one second or one step; with --against, of pairs of
    /// measurements; with --profile, of steps; for kernels, of measurements of each pass
    #[arg(long, value_name = "N", default_value = "5", value_parser = positive::<NonZeroUsize>)]
    pub(crate) pairs: NonZeroUsize,
    /// Measure another program alternately with this one; RESNET_PYTHON names the Python that has it
    /// installed [default: python3]
    #[arg(long, value_name = "PEER")]
    pub(crate) against: Option<AgainstArg>,
    /// What a step recomputes instead of keeping it in memory; results do not depend on it [default: auto]
    #[arg(long, value_name = "auto|never|sums|units")]
    pub(crate) recompute: Option<Recompute>,
    /// Break down the time of the fastest of --pairs steps, by kind and size of operation
    #[arg(long, conflicts_with = "against")]
    pub(crate) profile: bool,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
    #[command(flatten)]
    pub(crate) format: FormatArg,
}

#[derive(Debug, Args)]
pub(crate) struct BenchWorkerArgs {
    pub(crate) work: WorkArg,
    #[arg(long)]
    pub(crate) model: String,
    #[arg(long, value_parser = positive::<NonZeroUsize>)]
    pub(crate) batch: NonZeroUsize,
    #[arg(long, default_value = "auto")]
    pub(crate) recompute: Recompute,
    #[command(flatten)]
    pub(crate) threads: ThreadsArg,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkArg {
    Train,
    Infer,
}

impl From<WorkArg> for resnet_bench::Work {
    fn from(arg: WorkArg) -> Self {
        match arg {
            WorkArg::Train => resnet_bench::Work::Train,
            WorkArg::Infer => resnet_bench::Work::Infer,
        }
    }
}

/// What `bench` measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchKind {
    /// Training steps: forward, backward, update
    Train,
    /// Inference: forward
    Infer,
    /// Each convolution and its gradients, beside the peak performance of the machine
    Kernels,
}

/// Who else can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgainstArg {
    /// PyTorch, in the fastest of two memory layouts with default or tuned malloc
    Pytorch,
    /// PyTorch by torch.compile, in the faster of two memory layouts; needs a C++ compiler
    TorchCompile,
    /// ONNX Runtime, inference only
    Onnxruntime,
    /// OpenVINO in float32, inference only
    Openvino,
    /// ncnn in float32, inference only, one image after the other
    Ncnn,
    /// The same network on one thread, to show the speed-up from threads
    OneThread,
}
