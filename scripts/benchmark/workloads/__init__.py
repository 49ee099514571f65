"""One workload a file: the loop that altool is compared with, and altool's own code doing the same work."""
