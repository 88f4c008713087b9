"""Which permissions an operation needs, by service."""
