"""L1: plain torch modules."""
