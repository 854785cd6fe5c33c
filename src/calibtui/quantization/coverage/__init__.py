"""Every frame's own activation ranges: what tells whether a calibration set reaches those of the pool."""
