"""Frame to difficulty: prompt templates, replies, judges, the run loop, shards."""
