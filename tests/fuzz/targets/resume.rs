//! libFuzzer's program for the target `resume`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("resume");
