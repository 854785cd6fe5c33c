"""One call to any vision-language model."""
