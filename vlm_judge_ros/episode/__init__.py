"""What was seen: frames, keyframes, signals, task."""
