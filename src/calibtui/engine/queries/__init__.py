"""What the workspace knows, as the wire has it: one question a function."""
