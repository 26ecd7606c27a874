//! libFuzzer's program for the target `runs`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("runs");
