"""What can be set on a judge, for the live node and for the scoring of recordings alike."""
