"""Simulated manipulation episodes with ground truth (extra `simulate`)."""
