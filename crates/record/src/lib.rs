//! The run's schema: recipes, metrics, the paper's numbers, rendering.
