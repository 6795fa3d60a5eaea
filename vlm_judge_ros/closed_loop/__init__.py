"""Does steering help? A noisy policy in the simulator, with and without a judge that chooses among its chunks."""
