//! libFuzzer's program for the target `jpeg`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("jpeg");
