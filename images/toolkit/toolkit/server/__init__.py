"""The model server: pre-forked workers, each an event loop with its own HTTP protocol."""
