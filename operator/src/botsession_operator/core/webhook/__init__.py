"""Which events a webhook gets, when, in what form, and with what signature. Nothing is sent here: that is an effect.

Reads `observe` alone; whether a session ends is no business of its webhook.
"""
