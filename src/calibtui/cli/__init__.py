"""Commands, exit codes, what goes to stdout and stderr."""
