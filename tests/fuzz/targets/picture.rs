//! libFuzzer's program for the target `picture`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("picture");
