//! SIMD kernels on slices: convolution, normalisation, pooling, products.
