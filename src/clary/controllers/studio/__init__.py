"""Studio's neighbours that run: MLflow's servers."""
