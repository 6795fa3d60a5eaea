"""The steps of setting up a checkout; standard library only."""
