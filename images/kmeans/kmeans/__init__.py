"""The built-in K-Means: trains on channels and answers predictions, in the SageMaker container contract."""
