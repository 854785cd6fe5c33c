"""The workbench in the terminal: a client of the engine, and nothing else."""
