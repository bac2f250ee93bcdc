"""From raw rows to prompts: reading, cleaning, splitting."""
