"""Ways of asking a model about an episode."""
