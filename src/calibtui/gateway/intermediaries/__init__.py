"""What may stand between us and a model: which gateway it is, what its cache does, which budget it announces."""
