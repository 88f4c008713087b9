"""What EventBridge keeps besides records: what has happened, and what is still to be delivered."""
