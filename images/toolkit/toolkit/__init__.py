"""What every image shares: the SageMaker training contract and the model server. The core needs nothing but
Python."""
