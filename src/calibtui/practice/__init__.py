"""The practice judge: an OpenAI-compatible server on loopback that measures pictures and needs no key."""
