"""A run while it is being trained: in the terminal, and as a report that renews itself."""
