"""The errors that a person may see: one line that says what, where and how to mend it."""


class UserError(Exception):
    """A mistake in the input or the set-up. The command line prints it as one line and exits with code 2.

    Write the message as: what is wrong, where (file, line, field), and what to do about it.
    """


class ParseError(ValueError):
    """A text that does not follow the explanation format; the message says in which way."""
