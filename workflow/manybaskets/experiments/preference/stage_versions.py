"""Versions of the experiment's stages; see `jobs.stage_versions`."""

STAGES = {
    "preference_articles": 1,
    "preference_references": 1,
    "preference_summaries": 1,
    "preference_texts": 1,
    "preference_judge": 1,
    "preference_statistics": 2,
    "preference_tables": 2,
}
