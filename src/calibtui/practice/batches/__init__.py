"""The practice judge's batch APIs, in memory: many requests handed in at once, answered after a while."""
