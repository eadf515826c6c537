"""Metrics with their intervals, calibration, comparison of two models, and the model card."""
