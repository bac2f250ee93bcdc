"""The progress of a study, from its files on disk and the scheduler."""
