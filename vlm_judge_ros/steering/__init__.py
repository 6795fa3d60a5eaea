"""Best-of-K: candidates for the next action chunk, how they are shown, scored and chosen."""
