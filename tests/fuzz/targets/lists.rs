//! libFuzzer's program for the target `lists`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("lists");
