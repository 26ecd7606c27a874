//! libFuzzer's program for the target `shards`; its body says what must hold.
#![no_main]

resnet_fuzz::program!("shards");
