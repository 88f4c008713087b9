"""ONNX models, served by ONNX Runtime."""
