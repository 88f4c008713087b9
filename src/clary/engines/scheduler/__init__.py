"""EventBridge Scheduler's thinking: what schedules may call, and when a time of theirs has come."""
