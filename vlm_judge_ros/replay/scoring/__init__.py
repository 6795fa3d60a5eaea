"""Judges recorded episodes as the live node would have."""
