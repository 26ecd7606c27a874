//! libFuzzer's program for the target `packed`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("packed");
