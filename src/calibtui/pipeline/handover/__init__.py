"""What goes with an INT8 model to whoever deploys it: how it is fed, read and run, and what it costs here."""
