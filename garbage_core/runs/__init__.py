"""Runs: the folder that a training writes, its learning curves and predictions, and how to train it again."""
