//! libFuzzer's program for the target `pytorch`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("pytorch");
