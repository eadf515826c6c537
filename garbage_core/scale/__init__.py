"""Classifying millions of photos with Ray."""
