"""L4: the command line."""
