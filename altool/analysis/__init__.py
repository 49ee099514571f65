"""L4: reads records only; never imports torch."""
