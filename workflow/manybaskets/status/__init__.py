"""How far a study is, at any time: read from what its jobs leave on disk, and from the scheduler."""
