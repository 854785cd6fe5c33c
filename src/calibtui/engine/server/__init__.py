"""The process: socket, service, life and end."""
