//! Residual units of the paper, each importable alone.
