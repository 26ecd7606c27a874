//! ResNet definitions, their registry and their checkpoints.
