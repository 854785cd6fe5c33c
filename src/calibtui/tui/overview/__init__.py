"""What the overview says: pure functions from a snapshot and a width to lines."""
