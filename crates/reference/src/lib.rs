//! Plain loops in f64: what every kernel and op is compared with.
