"""Spreads what would happen to many objects at the same time."""

import zlib


def fraction_of(uid: str) -> float:
    """Return a number from 0 to below 1 that depends on an object's UID alone, so that it is the same each time."""
    return zlib.crc32(uid.encode()) % 1000 / 1000
