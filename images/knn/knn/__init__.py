"""The built-in k-nearest neighbours: keeps a sample of the training rows and answers with its nearest."""
