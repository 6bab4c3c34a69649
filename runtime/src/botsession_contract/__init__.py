"""What the operator and the runtime must agree on: names, enums and payloads.

Standard library only. Changing a value here is a breaking change: pods outlive the operator that made them, so a new
operator meets old supervisors and an old one meets new ones. Readers ignore keys they do not know.
"""
