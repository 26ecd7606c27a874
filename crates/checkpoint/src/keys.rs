//! Keys and names in files that more than one crate uses.

/// Metadata key of the recipe, as TOML.
pub const RECIPE: &str = "recipe";
/// Metadata key of the measured scores, as JSON.
pub const METRICS: &str = "metrics";
/// Metadata key of the state of a training, as JSON; only in a checkpoint to resume from.
pub const TRAINING_STATE: &str = "training_state";
/// Metadata key of the checksum of all tensors, CRC-32 in eight hexadecimal digits; written and checked here,
/// and in no [`Contents`](crate::Contents).
pub const CHECKSUM: &str = "tensors_crc32";
/// The prefix of the names of an optimizer's tensors: `optimizer.SLOT.VARIABLE`.
pub const OPTIMIZER: &str = "optimizer.";
/// The prefix of the name of an optimizer's velocity; the name of its variable follows.
pub const MOMENTUM: &str = "optimizer.momentum.";
/// The prefix of the name of a variable's moving average; the name of its variable follows.
pub const EMA: &str = "ema.";
/// The prefix of the name of the gradients of a step that is not complete; the name of its variable follows.
pub const ACCUMULATED: &str = "accumulated.";

/// The slot and the variable of a tensor that is state of a training, such as `optimizer.momentum` and
/// `fc.weight`; `None` if it is a weight.
///
/// ```
/// use resnet_checkpoint::keys::slot;
/// assert_eq!(slot("optimizer.momentum.fc.weight"), Some(("optimizer.momentum", "fc.weight")));
/// assert_eq!(slot("ema.fc.weight"), Some(("ema", "fc.weight")));
/// assert_eq!(slot("fc.weight"), None);
/// ```
pub fn slot(name: &str) -> Option<(&str, &str)> {
    let dot = match name.strip_prefix(OPTIMIZER) {
        Some(rest) => OPTIMIZER.len() + rest.find('.')?,
        None => [EMA, ACCUMULATED].into_iter().find(|prefix| name.starts_with(prefix))?.len() - 1,
    };
    Some((&name[..dot], &name[dot + 1..]))
}
