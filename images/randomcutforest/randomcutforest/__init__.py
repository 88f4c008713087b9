"""The built-in Random Cut Forest: trains on channels and answers anomaly scores, in the SageMaker container
contract."""
