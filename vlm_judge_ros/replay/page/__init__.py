"""The parts of the page that shows judged episodes."""
