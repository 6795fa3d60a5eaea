"""What commands the robot to stop, one kind a file."""
