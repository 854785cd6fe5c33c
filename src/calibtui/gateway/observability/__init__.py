"""What a run tells the outside: Prometheus metrics and their server, the structured log."""
