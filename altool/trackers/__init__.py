"""L1: services that people watch their runs with, told of every stage. Extras: `pip install "altool[trackers]"`."""
