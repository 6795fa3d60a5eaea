"""Fast layers that look at every message, without a model."""
