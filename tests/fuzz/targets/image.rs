//! libFuzzer's program for the target `image`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("image");
