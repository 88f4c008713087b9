"""What Search and its suggestions decide."""
