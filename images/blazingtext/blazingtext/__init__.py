"""The built-in BlazingText: word vectors and text classification, in the SageMaker container contract."""
