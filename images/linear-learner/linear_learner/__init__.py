"""The built-in Linear Learner: trains linear models and answers predictions, in the SageMaker container
contract."""
