"""The built-in PCA: trains on channels and answers projections, in the SageMaker container contract."""
