"""A bot that is a package."""
