"""The CatBoost algorithm: trains on tables and answers predictions, in the SageMaker container contract."""
