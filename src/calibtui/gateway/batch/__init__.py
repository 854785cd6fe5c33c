"""Batch APIs: many requests handed in at once, answered within a day, at a share of the live price."""
