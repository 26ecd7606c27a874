//! libFuzzer's program for the target `index`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("index");
