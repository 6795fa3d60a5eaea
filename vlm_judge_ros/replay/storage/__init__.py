"""How recorded messages lie in files: MCAP and sqlite3, and the folders that `ros2 bag record` makes."""
