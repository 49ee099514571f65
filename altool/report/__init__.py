"""`altool report`: what was measured beside what was published, as one page that needs nothing else."""
