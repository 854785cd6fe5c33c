"""Where frames come from: sources, decoding, the index pass, and annotations. Hands data over; keeps nothing itself."""
