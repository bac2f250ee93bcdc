"""Fine-tuning: LoRA adapters by peft and the trainer of transformers, on one device or on several."""
