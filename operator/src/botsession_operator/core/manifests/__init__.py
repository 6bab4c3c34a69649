"""Build the objects that the operator creates for a session: pod, disruption budget, Service and route.

No decision that the status shows is made here; `status` and `webhook` may not be imported.
"""
