"""A paper's experiment by name: its grid of cells, what they cost, running what is missing, drawing what is there."""
