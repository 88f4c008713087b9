"""The built-in Factorization Machines: learns weights and factors of features, mostly sparse ones, in the
SageMaker container contract."""
