"""The marker of what is not given."""


class NotGiven:
    """Is not given."""

    def __bool__(self):
        """Return False, as OpenAI's own does."""
        return False


NOT_GIVEN = NotGiven()
