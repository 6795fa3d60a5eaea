"""The work of a judge node without ROS: episodes, questions, answers. A live node and a replay drive it alike."""
