"""Recorded episodes: bags in, reports out."""
