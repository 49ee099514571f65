"""L1: one file per strategy; private shared maths in _*.py."""
