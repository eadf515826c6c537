"""Page Speed."""
