"""Inference: a network in any runtime, the classifier on top of it, and the OOD detector."""
