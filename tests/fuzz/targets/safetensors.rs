//! libFuzzer's program for the target `safetensors`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("safetensors");
