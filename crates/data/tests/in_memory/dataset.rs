//! Names of data sets, and test data that counts how often it was read.

use resnet_data::{DataKind, HeldOut, ImageSet};

#[test]
fn kinds_are_read_as_they_are_written() {
    for kind in DataKind::ALL {
        assert_eq!(kind.to_string().parse::<DataKind>().unwrap(), kind);
    }
    let message = "mnist".parse::<DataKind>().unwrap_err().to_string();
    assert!(message.contains("mnist") && message.contains("cifar100"), "{message}");
}

#[test]
fn only_reads_of_labels_count() {
    let set = ImageSet::new(vec![0; 24], vec![0, 0], 2, 2, ["a".to_owned()].into()).unwrap();
    let held = HeldOut::new(set);
    assert_eq!((held.len(), held.size(), held.classes().len(), held.is_empty()), (2, [2, 2], 1, false));
    assert_eq!(held.reads(), 0);
    held.read();
    held.read_shared();
    assert_eq!(held.reads(), 2);
}
