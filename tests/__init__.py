"""Tests; the folder mirrors garbage_core."""
