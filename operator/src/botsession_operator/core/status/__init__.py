"""What a pass records and reports: status, conditions, Kubernetes Events, and samples for metrics.

Reads what `decide` decided. No manifest may be imported: a status says what happened, not how it was built.
"""
