"""Where frames come from, what is true of them, and what they look like."""
