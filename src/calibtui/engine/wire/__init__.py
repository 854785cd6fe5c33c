"""What crosses the engine's socket: immutable structs, JSON on the wire, nothing heavy to import."""
