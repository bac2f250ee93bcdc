"""Fine-tuning of LoRA adapters with peft and the transformers Trainer, on one or several devices."""
