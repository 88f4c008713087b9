"""Amazon's TensorFlow containers: what they add to script mode, and their model server."""
