"""The built-in XGBoost algorithm: trains on channels and answers predictions, in the SageMaker container
contract."""
