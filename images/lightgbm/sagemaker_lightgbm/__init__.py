"""The LightGBM algorithm: trains on tables and answers predictions, in the SageMaker container contract."""
