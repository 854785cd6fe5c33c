"""What is wrong with an INT8 model: where the error comes from, in figures and in words, with the remedy."""
