//! The threads that compute.

use std::num::NonZeroUsize;

use anyhow::Context as _;

use crate::args::ThreadsArg;

/// The environment variable that says how many threads there are by default.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// Starts as many threads as the option or the variable asks for, else the default number; returns how many.
/// More threads than cores would only be slower, and very many would end the program: then there is one per
/// core, with a warning.
pub(crate) fn start(arg: &ThreadsArg) -> anyhow::Result<usize> {
    let option = arg.threads.map(|threads| ("--threads ".to_owned(), threads));
    if let Some((by, asked)) = option.or_else(|| Some((format!("{VARIABLE}="), of_environment()?))) {
        let threads = asked.min(cores());
        if threads < asked {
            tracing::warn!("{by}{asked} is more than this machine has cores; using {threads}");
        }
        // Kernels compute on our threads; candle and the decoding of images use rayon's.
        assert!(resnet_ops::set_threads(threads.get()), "kernels have started their threads too early");
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global()
            .with_context(|| format!("cannot start {threads} threads; ask for fewer with --threads"))?;
    }
    Ok(resnet_ops::threads())
}

/// The number of threads in [`VARIABLE`]; a warning where it has none.
fn of_environment() -> Option<NonZeroUsize> {
    let text = std::env::var_os(VARIABLE).filter(|text| !text.is_empty())?;
    let threads = text.to_str().and_then(|text| text.parse().ok());
    if threads.is_none() {
        tracing::warn!("{VARIABLE}={text:?} is no number above 0; using one thread per core");
    }
    threads
}

/// The cores that this process may use, as far as the system tells.
fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Threads that prepare batches beside those that compute.
pub(crate) fn loaders() -> usize {
    resnet::loader_threads(resnet_ops::threads())
}
