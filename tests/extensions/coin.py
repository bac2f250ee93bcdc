"""A kind of mix of a user's own: a coin decides which of two sources answers a prompt."""

from typing import ClassVar, Literal

from pydantic import Field

from manybaskets.config.mixes import MixSettings, mix_kind
from manybaskets.config.sections import Name
from manybaskets.records.ids import row_seed


@mix_kind
class CoinMix(MixSettings):
    """One of two sources, by a coin that is thrown for every prompt."""

    about: ClassVar = "a coin decides which of two sources answers a prompt"
    kind: Literal["coin"]
    heads: Name = Field(description="Name of a source.")
    tails: Name = Field(description="Name of another source.")

    def shares(self):
        return {self.heads: 0.5, self.tails: 0.5}

    def check(self, study):
        if self.heads == self.tails:
            raise ValueError(f"tails: '{self.tails}' is `heads` too; name another source")

    def assign(self, prompts, name, seed):
        sides = (self.heads, self.tails)
        return [sides[row_seed(seed, name, prompt) % 2] for prompt in prompts["prompt_id"]]
