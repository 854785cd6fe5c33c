"""Frames as pictures in a terminal: half blocks anywhere, the kitty and sixel protocols where they are asked for."""
