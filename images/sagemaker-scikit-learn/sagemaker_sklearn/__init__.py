"""What the scikit-learn image does where an inference script says nothing."""
