"""How the practice judge reads and words what is said, in the words of each provider's API."""
