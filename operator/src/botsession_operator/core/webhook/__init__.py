"""Which events a webhook receives, when, in which form, and with which signature. `effects` sends them.

Reads `observe` only: whether a session ends does not depend on its webhook.
"""
