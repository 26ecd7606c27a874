//! libFuzzer's program for the target `tables`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("tables");
