"""Has the data that Pipecat would otherwise try to download when it is imported."""

from nltk import data

__all__ = ["data"]
