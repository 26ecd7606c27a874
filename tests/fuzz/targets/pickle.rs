//! libFuzzer's program for the target `pickle`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("pickle");
