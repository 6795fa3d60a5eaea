"""Models that are asked."""
