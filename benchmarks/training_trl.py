"""One training with TRL's SFTTrainer, for `benchmarks/training.py`, in a Python that has TRL.

    python benchmarks/training_trl.py TASK.json RESULT.json

The task has the rows as token ids with labels, the recipe, and the order of the rows or none for TRL's
own; the result has what `benchmarks/training.py` prints.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Train as the task says."""
    task = json.loads(Path(sys.argv[1]).read_text())
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(task["threads"])
    base = AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32)
    set_seed(task["seed"])
    adapter = LoraConfig(r=task["rank"], lora_alpha=task["alpha"], lora_dropout=0.0, bias="none",
                         target_modules=task["modules"], task_type="CAUSAL_LM")  # fmt: skip
    model = get_peft_model(base, adapter)

    class Ordered(SFTTrainer):
        def _get_train_sampler(self, train_dataset=None):
            return task["order"] or super()._get_train_sampler(train_dataset)

    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder, use_cpu=True, bf16=False, max_length=None, report_to=[],
            disable_tqdm=True, save_strategy="no", logging_steps=1, seed=task["seed"],
            gradient_checkpointing=task["checkpointing"], max_steps=task["steps"],
            per_device_train_batch_size=task["batch"], learning_rate=task["learning_rate"],
            weight_decay=task["weight_decay"], lr_scheduler_type="cosine",
            warmup_steps=task["warmup"], optim="adamw_torch",
        )  # fmt: skip
        trainer = Ordered(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list(task["rows"]),
            processing_class=AutoTokenizer.from_pretrained(task["model"]),
        )
        start, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        result = {
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - cpu,
            "peak_bytes": peak_bytes(),
            "losses": [each["loss"] for each in trainer.state.log_history if "loss" in each],
        }
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
