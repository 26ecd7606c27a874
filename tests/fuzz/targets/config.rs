//! libFuzzer's program for the target `config`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("config");
