//! What the papers report of a network that has a name here.

use resnet_models::{Branch, Placement, Shortcut, Spec};
use resnet_record::paper::{self, Outcome};

/// The error that the papers report of this network, in percent; where both do, that of arXiv 1603.05027.
/// `data` is `cifar10` or `cifar100`.
pub fn published_error(spec: &Spec, data: &str) -> Option<f64> {
    // The tables' networks are for CIFAR; an ImageNet network has other stages.
    let depth = spec.name.split('-').next()?.strip_prefix("resnet").filter(|_| spec.input[1] == 32)?;
    let network = match spec.branch {
        Branch::OneLayer => format!("ResNet-{depth}, 1-layer units"),
        _ => format!("ResNet-{depth}"),
    };
    let unit = paper_unit(spec)?;
    let rows = paper::TABLE_3.iter().chain(&paper::TABLE_1).chain(&paper::TABLE_2).chain(&paper::ORIGINAL);
    let mut errors = rows.filter(|row| row.network == network && row.unit == unit && row.data == data);
    errors.find_map(|row| match row.outcome {
        Outcome::Error(error) => Some(error),
        Outcome::Fails => None,
    })
}

/// The network's unit in the words of the tables.
fn paper_unit(spec: &Spec) -> Option<&'static str> {
    Some(match (spec.placement, spec.shortcut) {
        (Placement::Original, Shortcut::Identity) => "original",
        (Placement::FullPreActivation, Shortcut::Identity) => "pre-activation",
        (Placement::BnAfterAddition, Shortcut::Identity) => "(b) BN after addition",
        (Placement::ReluBeforeAddition, Shortcut::Identity) => "(c) ReLU before addition",
        (Placement::ReluOnlyPreActivation, Shortcut::Identity) => "(d) ReLU-only pre-activation",
        (Placement::Original, Shortcut::ConstantScaling { shortcut: 0.5, branch: 0.5 }) => {
            "(b) constant scaling 0.5, branch 0.5"
        }
        (Placement::Original, Shortcut::ExclusiveGating { bias: -6.0 }) => {
            "(c) exclusive gating, initial bias -6"
        }
        (Placement::Original, Shortcut::ExclusiveGating { bias: -7.0 }) => {
            "(c) exclusive gating, initial bias -7"
        }
        (Placement::Original, Shortcut::ShortcutOnlyGating { bias: 0.0 }) => {
            "(d) shortcut-only gating, initial bias 0"
        }
        (Placement::Original, Shortcut::ShortcutOnlyGating { bias: -6.0 }) => {
            "(d) shortcut-only gating, initial bias -6"
        }
        (Placement::Original, Shortcut::Convolution) => "(e) 1x1 convolution shortcut",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use resnet_models::registry;

    use super::*;

    #[test]
    fn published_errors() {
        let of = |name, data| published_error(&registry::find(name, 10).unwrap(), data);
        assert_eq!(of("resnet1001-v2", "cifar10"), Some(4.92));
        assert_eq!(of("resnet164-v1", "cifar100"), Some(25.16));
        assert_eq!(of("resnet20-v1", "cifar10"), Some(8.75));
        assert_eq!(of("resnet110-v1", "cifar10"), Some(6.61));
        assert_eq!(of("resnet110-conv-shortcut", "cifar10"), Some(12.22));
        assert_eq!(of("resnet110-exclusive-gating-bias-7", "cifar10"), Some(9.81));
        assert_eq!(of("resnet110-dropout-shortcut", "cifar10"), None);
        assert_eq!(of("resnet164-relu-before-addition", "cifar10"), Some(6.14));
        assert_eq!(of("resnet110-v2-one-layer", "cifar10"), Some(8.91));
        assert_eq!(of("resnet20-v2", "cifar10"), None);
        assert_eq!(of("resnet110-v1", "imagenet"), None);
    }
}
