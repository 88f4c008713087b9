"""What the built-in algorithms share: hyperparameters, channels, metric lines and answers."""
