"""What the PyTorch image does where an inference script says nothing."""
