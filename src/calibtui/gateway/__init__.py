"""One call to any vision-language model: who answers, at which price, through which transport, and what went wrong."""
