"""Clips: what came in around a failure, kept for a while, and written as a bag."""
