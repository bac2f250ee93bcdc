"""Where jobs run: partition, account and form of the GPU request, from slurm/machine.yaml.

Rules say how many GPUs, how much memory and how long, for a first attempt; here every rule gets what
the machine adds to it, unless the command line says otherwise (`--set-resources`).
"""

for each in workflow.rules:
    place(each)
