"""Judges that are transformers sequence classifiers: every label has a score."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.chat import load_tokenizer
from manybaskets.chat.tokenizers import padding_id
from manybaskets.config.judges import ClassifierJudge
from manybaskets.engines.placement import loading_arguments
from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress
from manybaskets.judging.base import Exchange, Judge, ResponseKey, Verdict
from manybaskets.judging.rubrics import Rubric
from manybaskets.models.folder import check_folder, fingerprint
from manybaskets.models.libraries import import_libraries
from manybaskets.models.matrix_products import WORTH_A_CALL, use_fast_products

log = logging.getLogger(__name__)


class Classifier(Judge):
    """A classifier. An exchange gets the score of its most likely label.

    It reads the response alone, or request and response as a text pair joined by its tokenizer.
    Texts are not truncated: a text that is too long counts as not judged. A classifier uses only
    the rubric's scale, not its texts.

    Args:
        gpus: GPUs of the job; the layers are spread over several.
        placement, offload: as in `TransformersEngine`.

    Raises:
        UserError: the folder does not contain a classifier, or its labels differ from the config.
    """

    def __init__(
        self,
        name: str,
        settings: ClassifierJudge,
        folder: Path | None,
        threads: int,
        *,
        gpus: int = 0,
        placement: Mapping[str, Any] | None = None,
        offload: Path | None = None,
    ) -> None:
        super().__init__(name, settings)
        self.settings: ClassifierJudge = settings
        assert folder is not None
        check_folder(folder, settings.model)
        import_libraries("torch", "transformers.modeling_utils")
        import torch
        import transformers
        from transformers import AutoModelForSequenceClassification

        transformers.utils.logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = load_tokenizer(folder, settings.model)
        arguments = loading_arguments(
            AutoModelForSequenceClassification,
            folder,
            "float32",
            gpus=gpus,
            device_map=placement,
            offload=offload,
        )
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, **arguments)
        _check_classifier(self.model.config, settings, folder)
        if not hasattr(self.model, "hf_device_map"):
            self.model.to(self.device)
            use_fast_products(self.model, WORTH_A_CALL)
        self.model.eval()
        self.scores = [settings.labels[self.model.config.id2label[index]] for index in
                       range(self.model.config.num_labels)]  # fmt: skip
        window = getattr(self.model.config, "max_position_embeddings", None)
        self.longest = min(settings.max_tokens, window or settings.max_tokens)
        config = self.model.config
        if self.tokenizer.pad_token_id is None:
            pad = padding_id(self.tokenizer, settings.model, config.pad_token_id)
            self.tokenizer.pad_token = self.tokenizer.convert_ids_to_tokens(pad)
        if config.pad_token_id is None:
            config.pad_token_id = self.tokenizer.pad_token_id
        self.identity = {
            "judge": name,
            **settings.science(),
            "weights": fingerprint(folder),
            "engine": "transformers",
            "engine_version": transformers.__version__,
        }

    def verdicts(
        self,
        rubric: Rubric,
        asked: Sequence[Exchange],
        work: Path,
        *,
        run: Mapping[str, Any],
        reversed_scale: bool = False,
    ) -> dict[ResponseKey, Verdict]:
        """Classify exchanges in batches by length; fast enough to need no journal.

        Raises:
            UserError: a label's score is not a step of the rubric's scale.
        """
        wrong = {
            label: score for label, score in self.settings.labels.items() if not rubric.has(score)
        }
        if wrong:
            raise UserError(
                what=f"the labels {wrong} are not on the scale of rubric '{rubric.name}'",
                where=f"judges.{self.name}.labels",
                expected=f"scores among {[step.score for step in rubric.scale]}",
                remedy="set the scores of these labels to steps of the scale",
            )
        encoded = {each.key: self._encode(each) for each in asked}
        found = {
            key: Verdict(cause="too_long", attempts=0)
            for key, tokens in encoded.items()
            if len(tokens["input_ids"]) > self.longest
        }
        # Sorting by key makes the order independent of the rows' order.
        left = sorted(
            (len(encoded[key]["input_ids"]), key) for key in encoded.keys() - found.keys()
        )
        progress, size = Progress(len(left), "texts"), self.settings.batch_size
        for start in range(0, len(left), size):
            keys = [key for _, key in left[start : start + size]]
            places = self._likeliest([encoded[key] for key in keys])
            found |= {
                key: Verdict(self.scores[place]) for key, place in zip(keys, places, strict=True)
            }
            progress.add(len(keys))
        return found

    def _encode(self, each: Exchange) -> Mapping[str, list[int]]:
        texts = (
            [each.response]
            if self.settings.judged_text == "response"
            else [each.request, each.response]
        )
        return self.tokenizer(*texts, truncation=False, verbose=False)

    def _likeliest(self, batch: Sequence[Mapping[str, list[int]]]) -> list[int]:
        padded = self.tokenizer.pad(list(batch), return_tensors="pt").to(self.device)
        with self.torch.inference_mode():
            return self.model(**padded).logits.float().argmax(dim=-1).tolist()


def _check_classifier(config: Any, settings: ClassifierJudge, folder: Path) -> None:
    where = f"{folder} (model '{settings.model}')"
    architectures = config.architectures or []
    if not any(name.endswith("ForSequenceClassification") for name in architectures):
        raise UserError(
            what=f"the model is not a sequence classifier: its architecture is {architectures}",
            where=where,
            expected="a model saved as ...ForSequenceClassification",
            remedy="use another model, or set the judge's `kind: model`",
        )
    known = set(config.id2label.values())
    if known != set(settings.labels):
        raise UserError(
            what=f"the classifier has the labels {sorted(known)}, but the config has "
            f"{sorted(settings.labels)}",
            where=where,
            expected="a score for every label of the classifier and no other labels",
            remedy="set the judge's `labels` to exactly the labels of the classifier",
        )
