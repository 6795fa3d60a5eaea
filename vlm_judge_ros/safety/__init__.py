"""When to stop the robot, and what became of it. Imports no model, no image and no array."""
