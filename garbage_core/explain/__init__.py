"""Explanations: heat maps, and how faithful they are to the network."""
