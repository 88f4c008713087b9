"""The built-in image classification: trains a ResNet and serves it, in the SageMaker container contract."""
