"""The built-in LDA: finds topics in counts of words and answers mixtures of them, in the SageMaker container
contract."""
