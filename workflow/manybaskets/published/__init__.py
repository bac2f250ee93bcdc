"""Procedures of the published study (Schaffelder & Gatt 2026, experiment 1), including its bugs.

They compute the columns that are compared with the project's own values and with the published
ones. Sampling, unpaired and omnibus tests are only used here. If a detail of a procedure is not
published, the function's docstring and the row's note state what is used instead.
"""
