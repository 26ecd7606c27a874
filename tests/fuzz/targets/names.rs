//! libFuzzer's program for the target `names`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("names");
