"""An engine of a user's own: it answers with one of a few phrases, drawn with each row's seed."""

import random
from typing import ClassVar, Literal

from pydantic import Field

from manybaskets.config.engine_kinds import EngineSettings, engine
from manybaskets.engines.base import Completion, Engine


@engine
class PhrasesSettings(EngineSettings):
    """A few phrases, drawn at random."""

    environment: ClassVar = "light.yaml"
    runs_model: ClassVar = False
    kind: Literal["phrases"] = "phrases"
    phrases: list[str] = Field(min_length=1, description="The answers.")

    def open(self, opening):
        return PhrasesEngine(self.phrases)


class PhrasesEngine(Engine):
    def __init__(self, phrases):
        self.phrases = phrases
        self.identity = {"engine": "phrases", "model": None, "phrases": phrases}

    def generate(self, requests, sampling):
        for request in requests:
            text = random.Random(request.seed).choice(self.phrases)
            yield request, Completion(text, "stop", completion_tokens=len(text.split()))
