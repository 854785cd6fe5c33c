"""Ways of choosing and calibrating side by side, with random sets of several seeds always among them as the control."""
