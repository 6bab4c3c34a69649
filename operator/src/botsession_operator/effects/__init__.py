"""Where the operator touches the world. Library exceptions are translated here and nowhere else."""
