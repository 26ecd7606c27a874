//! Fit a classifier: optimizer, schedules, evaluation, checkpoints, resume.
