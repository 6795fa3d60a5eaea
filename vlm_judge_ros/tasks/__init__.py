"""What a task declares: instruction, signals, monitors, success evidence, failure modes."""
