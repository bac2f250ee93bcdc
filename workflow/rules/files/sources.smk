"""Files of the dataset, the sources and the mixes."""


def sources_of(*engines):
    """Pattern of the names of all sources with one of these engines; matches nothing without any."""
    return one_of(n for n, s in STUDY.sources.items() if s.engine.kind in engines)


def source_file(source):
    """Checked responses of a source to the training prompts."""
    return path(f"sources/{source}/train.parquet")


def mix_file(mix):
    """Training set of a mix."""
    return path(f"mixes/{mix}/train.jsonl")


def truth_files():
    """What is true of the embedded world's prompts; other datasets have none."""
    return [path("data/truth.parquet")] if EMBEDDED else []


def embedded_sources():
    """Sources in use whose model is an embedded one."""
    return [
        name
        for name in STUDY.used_sources()
        if name != HUMAN and STUDY.sources[name].model in embedded_models()
    ]


def dataset_path(given):
    """The user's file, with a clear word if it is not there."""
    if not Path(given).is_file():
        raise WorkflowError(
            f"\nthe dataset does not exist\n  where:    dataset.path: {given}\n"
            "  expected: a JSONL, CSV or Parquet file\n  to do:    correct dataset.path in the config"
        )
    return given


def prompt_set_sources():
    """Files of the prompt sets that the user brings."""
    return [
        dataset_path(value.path)
        for value in STUDY.prompt_sets.values()
        if value.kind == "file"
    ]


def pilot_files(source):
    """The trial that a source must pass before its first shard; none where the config has none."""
    return (
        [path(f"sources/{source}/pilot.json")]
        if STUDY.sources[source].pilot.prompts
        else []
    )


def card_files():
    """Dataset cards of all sources and mixes in use."""
    folders = [f"sources/{name}" for name in STUDY.used_sources()]
    folders += [f"mixes/{name}" for name in STUDY.mixes]
    return [path(f"{folder}/README.md") for folder in folders]


def generating_sources():
    """Sources in use that an engine runs; human and ready answers are none of them."""
    return [
        name
        for name in STUDY.used_sources()
        if name != HUMAN and STUDY.sources[name].engine.kind != "replay"
    ]


def piloted_sources():
    """Sources in use that pass a trial first."""
    return [name for name in generating_sources() if pilot_files(name)]


def throughput_files():
    """Tables of the speed of sources; none where no engine runs."""
    if not generating_sources():
        return []
    return [path("tables/throughput.csv"), path("tables/throughput-correlation.csv")]


def shard_files(source, ending="parquet"):
    """Shards of a source, or what lies beside them; their number is fixed in the config."""
    count = STUDY.sources[source].shards
    return [
        path(f"sources/{source}/shards/{shard}-of-{count}.{ending}")
        for shard in range(count)
    ]
