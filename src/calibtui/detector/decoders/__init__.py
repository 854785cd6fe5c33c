"""One decoder per output layout; `registry` knows them all."""
