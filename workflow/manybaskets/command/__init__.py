"""The command `manybaskets`: the same Snakemake with its arguments in the right order, and a first config."""
