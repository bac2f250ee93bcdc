"""Rule `convert_gguf`: a GGUF file as a model folder."""

from pathlib import Path

from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    from manybaskets.models.gguf import convert_gguf
    from manybaskets.models.linear_layers import check_modules
    from manybaskets.models.model_check import check_usable

    name, folder = snakemake.wildcards.model, Path(snakemake.output[0])
    operations = snakemake.config["operations"]["models"][name]
    arguments = operations.get("template_arguments")
    convert_gguf(Path(snakemake.input[0]), folder, name, arguments)
    check_usable(folder, name, arguments or {})
    modules = snakemake.config["operations"]["trained_modules"].get(name, [])
    check_modules(folder, name, modules)
