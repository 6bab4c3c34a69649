"""The operator: it decides when and how a BotSession ends, and the runtime in the pod carries that out."""
