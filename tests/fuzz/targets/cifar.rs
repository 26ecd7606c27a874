//! libFuzzer's program for the target `cifar`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("cifar");
