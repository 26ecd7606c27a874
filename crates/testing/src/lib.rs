//! Tolerances, goldens and table tests; a dev-dependency only.
