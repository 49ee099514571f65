"""L3: the only place that imports hydra and omegaconf."""
