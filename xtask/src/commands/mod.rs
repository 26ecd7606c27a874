//! The commands, one file each.

pub(crate) mod analyze;
pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod draw;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod plans;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod train;
pub(crate) mod verify;
