"""Lambda: the environments of functions come and go, durable invocations are seen through."""
