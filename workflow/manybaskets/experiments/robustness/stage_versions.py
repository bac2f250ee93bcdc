"""Versions of the experiment's stages; see `jobs.stage_versions`."""

STAGES = {
    "robustness_prompts": 1,
    "robustness_respond": 1,
    "robustness_canaries": 1,
    "robustness_judge": 1,
    "robustness_scores": 1,
    "robustness_outcomes": 3,
    "robustness_tables": 2,
    "robustness_examples": 1,
}
