//! What the papers report of a network that has a name here.

use resnet_data::DataKind;
use resnet_models::{Spec, registry};
use resnet_record::paper::{self, Reported};

/// The error that the papers report of this network, in percent; where both do, that of arXiv 1603.05027.
/// `None` if they report none, or that it fails to converge.
pub fn published_error(spec: &Spec, data: DataKind) -> Option<f64> {
    // A network may have several names.
    let is_this = |name: &str| {
        registry::find(name, spec.classes).is_ok_and(|row| Spec { name: spec.name.clone(), ..row } == *spec)
    };
    // Not table 4, whose row is another training of a network of table 3.
    let rows = paper::TABLE_3.iter().chain(&paper::TABLE_1).chain(&paper::TABLE_2).chain(&paper::ORIGINAL);
    let mut errors = rows.filter(|row| row.data == data.name() && is_this(row.model));
    errors.find_map(|row| match row.reported {
        Reported::Error(error) => Some(error),
        Reported::Fails => None,
    })
}

#[cfg(test)]
mod tests {
    use resnet_data::DataKind::{Cifar10, Cifar100, Generated};

    use super::*;

    #[test]
    fn published_errors() {
        let of = |name, data| published_error(&registry::find(name, 10).unwrap(), data);
        assert_eq!(of("resnet1001-v2", Cifar10), Some(4.92));
        assert_eq!(of("resnet164-v1", Cifar100), Some(25.16));
        assert_eq!(of("resnet20-v1", Cifar10), Some(8.75));
        assert_eq!(of("resnet110-v1", Cifar10), Some(6.61));
        assert_eq!(of("resnet110-conv-shortcut", Cifar10), Some(12.22));
        assert_eq!(of("resnet110-exclusive-gating-bias-7", Cifar10), Some(9.81));
        assert_eq!(of("resnet110-dropout-shortcut", Cifar10), None);
        assert_eq!(of("resnet164-relu-before-addition", Cifar10), Some(6.14));
        assert_eq!(of("resnet110-v2-one-layer", Cifar10), Some(8.91));
        assert_eq!(of("resnet20-v2", Cifar10), None);
        assert_eq!(of("resnet110-exclusive-gating", Cifar10), Some(8.70));
        assert_eq!(of("resnet110-v1-b", Cifar10), None);
        assert_eq!(of("resnet110-v1", Generated), None);
    }
}
