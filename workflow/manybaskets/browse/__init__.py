"""The browser of answers: every prompt with all answers and scores side by side, as static files."""
