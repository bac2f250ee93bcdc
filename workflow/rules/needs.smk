"""What jobs with a model ask for: GPUs, memory, time."""


def source_needs(source, base_mb=4000):
    """What a job asks for in which a source answers: `gpus`, `memory_mb`, `minutes(base)`."""
    settings = STUDY.sources[source]
    return engine_needs(settings.model, settings.engine, base_mb)


def target_needs(target, base_mb=4000):
    """What a job asks for in which a target and its runs answer."""
    return engine_needs(target, STUDY.responses.engine, base_mb)


def judge_needs(judge, base_mb=4000):
    """What a job asks for in which a judge scores answers; little where it is no model."""
    settings = STUDY.judges[judge]
    if settings.kind == "model":
        return engine_needs(settings.model, settings.engine, base_mb)
    if settings.kind == "classifier":
        return scoring_needs(settings.model, base_mb)
    return Request(0, base_mb, 1.0)


def scoring_minutes(w, each):
    """Minutes for the runs that a judge scores in one job, `each` for one; rules and people take none."""
    model = STUDY.judges[w.judge].kind in ("model", "classifier")
    return judge_needs(w.judge).minutes(
        each * len(attacked(w)) if model else LIGHT_MINUTES
    )


def run_minutes(w, first, further):
    """Minutes for the runs that a job loads a target for, where the first gets `first`."""
    return first + further * (len(loaded_runs(w)) - 1)


def scoring_needs(target, base_mb=4000):
    """What a job asks for that scores texts: the transformers engine does."""
    return NEEDS.request(target, STUDY.training.precision, base_mb)


def fixed_scorer_needs(base_mb=4000):
    """What a job asks for that scores texts with the fixed scorer; little without one."""
    scorer = STUDY.scoring.scorer
    return scoring_needs(scorer, base_mb) if scorer else Request(0, base_mb, 1.0)


def training_needs(target, base_mb=4000):
    """What a training run asks for: a GPU for each process, where there are any."""
    given = STUDY.training.batch_of(target).processes or 0
    return NEEDS.request(
        target, STUDY.training.precision, base_mb, training=True, given=given
    )


def training_threads(target):
    """Cores of a training run: one for each process that has no GPU."""
    if training_needs(target).gpus:
        return 1
    return STUDY.training.of_target(target).processes


def training_recipe(target):
    """What determines the adapters of a target: the recipe, with the rows of a step."""
    own = STUDY.training.of_target(target, training_needs(target).gpus)
    left = ("seeds", "per_target")
    return {key: value for key, value in own.science().items() if key not in left}


def training_operations():
    """How trainings run; sharded where one GPU does not hold the weights."""
    large = [
        target
        for target in STUDY.targets
        if not NEEDS.holds(target, STUDY.training.precision)
    ]
    return STUDY.training.sharded(large).operations()


def engine_needs(model, engine, base_mb):
    """What a job with an engine asks for; none that runs elsewhere needs a GPU."""
    if model is None:
        return Request(0, base_mb, 1.0)
    precision = (
        getattr(engine, "quantization", None)
        or engine.precision
        or STUDY.training.precision
    )
    given = getattr(engine, "tensor_parallel", None) or 0
    return NEEDS.request(model, precision, base_mb, given=given)
