"""L1: datasets, imbalance, the image store and the oracle."""
