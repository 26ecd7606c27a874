//! Image data sets: plain arrays in, plain arrays out.
