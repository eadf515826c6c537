"""Duplicates, label issues and outliers of a data set, and the embeddings that they are found with."""
