"""One process per workspace that outlives every terminal: `wire` is what it says, `client` how to ask it."""
