//! Requests that end: a server that accepts a connection and then stays silent is given up.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hf_hub::api::sync::{Api, Metadata};

use super::missing::{Missing, refusal};

/// How long a server may take to connect, to begin its answer, and for each part of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request of hf-hub's that waits no longer than `$patience` for anything. It is a macro because hf-hub
/// does not export the type of its requests.
macro_rules! patient {
    ($request:expr, $patience:expr) => {
        $request
            .config()
            .timeout_connect(Some($patience))
            .timeout_recv_response(Some($patience))
            .timeout_per_read(Some($patience))
            .build()
    };
}
pub(crate) use patient;

/// What the server says about `file`, which lies at `url`.
pub(crate) fn metadata(api: &Api, file: &str, url: &str, patience: Duration) -> Result<Metadata, Missing> {
    let (sender, receiver) = channel();
    // hf-hub sets no limit for these requests and takes none, so that a thread waits. Where the server stays
    // silent, it is left behind until the connection ends.
    let (api, url) = (api.clone(), url.to_owned());
    std::thread::spawn(move || sender.send(api.metadata(&url)));
    match receiver.recv_timeout(patience) {
        Ok(answer) => answer.map_err(|error| refusal(file, &error)),
        Err(RecvTimeoutError::Timeout) => {
            let seconds = patience.as_secs_f64();
            Err(Missing::Failed(format!("{file}: the server does not answer within {seconds} seconds")))
        }
        // hf-hub panics on some answers of a server.
        Err(RecvTimeoutError::Disconnected) => {
            Err(Missing::Failed(format!("the server's answer for {file} makes no sense")))
        }
    }
}
