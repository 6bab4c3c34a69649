"""Build the objects that the operator creates for a session: pod, disruption budget, Service and route.

Nothing is decided here that a user could see in the status; `status` and `webhook` may not be imported.
"""
