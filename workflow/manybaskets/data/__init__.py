"""Raw rows on their way to prompts: read, cleaned, split."""
