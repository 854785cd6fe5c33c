"""The stages joined: what runs, in which order, what resumes."""
