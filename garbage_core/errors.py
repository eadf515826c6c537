"""The one exception that a user of this library is meant to see."""


class GarbageError(Exception):
    """A mistake that the user can mend.

    Its text is one sentence: what was wrong, with the value received, and what to do about it. The command line prints
    it to standard error and exits with 2; the app shows it where the mistake was made. Neither shows a traceback.
    """


def first_line(error: BaseException) -> str:
    """Returns the first line of another library's error, at most 200 characters of it, to be part of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
