"""What is written of a judged episode."""
