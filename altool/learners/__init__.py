"""L1: fits a task model on labelled indices, and probes it."""
