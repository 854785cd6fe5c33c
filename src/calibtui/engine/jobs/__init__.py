"""The queue, and the worker processes that do the work."""
