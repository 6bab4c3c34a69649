"""What is recorded and reported of a pass: status, conditions, Kubernetes Events, and samples for metrics.

Reads what `decide` concluded. No manifest may be imported: a status says what happened, not how it was built.
"""
