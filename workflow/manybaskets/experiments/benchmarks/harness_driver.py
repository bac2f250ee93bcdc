"""Evaluate models with lm-evaluation-harness: run by path, in an environment that may lack this project.

    python harness_driver.py settings.json

Imports nothing of the project. A base model is loaded once; every run attaches its adapter, and every
task of a run writes its results and samples as soon as it ends, so that a second call goes on where
the first one stopped. Tasks that have results are skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def main(settings: dict[str, Any]) -> None:
    """Evaluate all runs on all tasks.

    Args:
        settings: `model` (folder), `dtype`, `device`, `threads`, `tasks`, `include` (folders of
            task files), `few_shot`, `limit`, `chat_template`, `system_prompt`, `generation`,
            `batch_size`, `seed`, `work` (folder), and `runs`: each with `adapter` (folder or null) and `folder` for
            its results.
    """
    todo = [
        (run, [task for task in settings["tasks"] if not _results(run, task).is_file()])
        for run in settings["runs"]
    ]
    if not any(tasks for _, tasks in todo):
        return
    import torch
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(settings["threads"])
    punkt = _sentence_splitter(Path(settings["work"]))
    manager = TaskManager(include_path=settings["include"] or None)
    tokenizer = AutoTokenizer.from_pretrained(settings["model"])
    base = AutoModelForCausalLM.from_pretrained(
        settings["model"], dtype=getattr(torch, settings["dtype"]), use_safetensors=True
    ).to(settings["device"])
    for run, tasks in todo:
        if not tasks:
            continue
        model = base
        if run["adapter"]:
            from peft import PeftModel

            model = PeftModel.from_pretrained(base, run["adapter"])
        model.eval()
        evaluated = HFLM(
            pretrained=model, tokenizer=tokenizer, batch_size=settings["batch_size"],
            device=settings["device"],
        )  # fmt: skip
        for task in tasks:
            print(f"task {task} of {run['folder']}", flush=True)
            _evaluate(evaluated, manager, settings, run, task, punkt)
        if run["adapter"]:
            base = model.unload()


def _sentence_splitter(folder: Path) -> str:
    """`trained` if NLTK's sentence splitter, which IFEval uses, is on this machine.

    If not, an untrained one is put in its place, which splits at every period that no number follows;
    results say which of the two was used.
    """
    try:
        import nltk
    except ModuleNotFoundError:
        return "none"
    try:
        nltk.data.find("tokenizers/punkt_tab")
        return "trained"
    except LookupError:
        english = folder / "nltk_data/tokenizers/punkt_tab/english"
        english.mkdir(parents=True, exist_ok=True)
        for name in (
            "collocations.tab",
            "sent_starters.txt",
            "abbrev_types.txt",
            "ortho_context.tab",
        ):
            (english / name).touch()
        nltk.data.path.append(str(folder / "nltk_data"))
        return "untrained"


def _evaluate(
    model: Any,
    manager: Any,
    settings: dict[str, Any],
    run: dict[str, Any],
    task: str,
    punkt: str,
) -> None:
    from lm_eval import simple_evaluate

    found = simple_evaluate(
        model=model,
        model_args={"pretrained": settings["model"], "dtype": settings["dtype"]}
        | ({"peft": run["adapter"]} if run["adapter"] else {}),
        tasks=[task],
        num_fewshot=settings["few_shot"],
        limit=settings["limit"],
        batch_size=settings["batch_size"],
        apply_chat_template=settings["chat_template"],
        system_instruction=settings["system_prompt"],
        gen_kwargs=settings["generation"] or None,
        task_manager=manager,
        random_seed=settings["seed"],
        numpy_random_seed=settings["seed"],
        torch_random_seed=settings["seed"],
        fewshot_random_seed=settings["seed"],
        log_samples=True,
    )
    samples = found.pop("samples")
    found["sentence_splitter"] = punkt
    template = model.chat_template(True) if settings["chat_template"] else None
    found["chat_template_sha"] = _sha(template) if template else None
    # As the harness computes them when it writes its own files.
    found["task_hashes"] = {
        name: _sha("".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in rows))
        for name, rows in samples.items()
    }
    lines = [json.dumps(row, default=str) for rows in samples.values() for row in rows]
    _write(_samples(run, task), "".join(line + "\n" for line in lines))
    _write(_results(run, task), json.dumps(found, indent=2, default=str))


def _results(run: dict[str, Any], task: str) -> Path:
    return Path(run["folder"]) / f"results_{task}.json"


def _samples(run: dict[str, Any], task: str) -> Path:
    return Path(run["folder"]) / f"samples_{task}.jsonl"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
