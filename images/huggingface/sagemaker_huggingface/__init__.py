"""Amazon's Hugging Face inference container: a pipeline for the model, from the archive or from the Hub."""
