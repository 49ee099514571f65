"""L2: one stage, the loop over stages, several seeds, evaluation."""
