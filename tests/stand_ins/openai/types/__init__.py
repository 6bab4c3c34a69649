"""The types of a chat."""
