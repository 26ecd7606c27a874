//! What can go wrong.

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No figure, unit or network has this name.
    #[error(
        "there is no figure, unit or network {name:?}; name figure1, figure2, figure4 or figure5, a unit named as in network \
         names (v2, constant-scaling-by-0.5-1, v2-bottleneck, ...), or a network such as resnet110-v2 or resnet50"
    )]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A network's name that the registry refuses, and why.
    #[error("{0}")]
    Network(#[from] resnet_models::registry::Error),
    /// A unit or a network that cannot be built.
    #[error("what is to be drawn cannot be built: {0}")]
    Build(#[from] candle_core::Error),
}
