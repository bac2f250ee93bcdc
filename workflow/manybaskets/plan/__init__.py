"""What is done, what would run, why, and what it costs: before anything runs."""
