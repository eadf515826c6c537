"""Studies: class imbalance, cross-validation, out-of-distribution detection, and their tables."""
