//! The threads that compute.

use anyhow::Context as _;

use crate::args::ThreadsArg;

/// Starts as many threads as asked for, or one a core; returns their number.
pub(crate) fn start(arg: &ThreadsArg) -> anyhow::Result<usize> {
    if let Some(threads) = arg.threads {
        // Ours compute; rayon's are what candle, and the decoding of pictures, would start.
        resnet_ops::set_threads(threads.get());
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global()
            .with_context(|| format!("cannot start {threads} threads; ask for fewer with --threads"))?;
    }
    Ok(resnet_ops::threads())
}
