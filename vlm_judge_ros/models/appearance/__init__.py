"""What a moment looks like, as numbers: encoders of the pictures of all cameras."""
