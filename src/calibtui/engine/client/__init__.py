"""How a program talks to the engine of a workspace: the only thing that the terminal interface knows of it."""
