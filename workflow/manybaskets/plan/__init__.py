"""The plan of a study: finished jobs, jobs to run with reasons, and costs."""
