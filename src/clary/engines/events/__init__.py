"""EventBridge's thinking: which event matches a pattern, what a target is sent, when a schedule is due."""
