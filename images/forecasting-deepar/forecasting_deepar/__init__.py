"""The built-in DeepAR: trains on time series and forecasts, in the SageMaker container contract."""
