"""Lambda: functions, their environments, and invocations that outlive their caller."""
