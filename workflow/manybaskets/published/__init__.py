"""The procedures of the published study (Schaffelder & Gatt 2026, experiment 1), defects and all.

They give the columns that stand beside the project's own values and beside the published ones.
Sampling, unpaired and omnibus tests live here and nowhere else. Where a detail of a procedure is not
published, the function's docstring and the row's note say what was taken instead.
"""
