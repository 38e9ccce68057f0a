"""The constraints of botocore's `chime-sdk-meetings` model, including those that only its documentation states."""

import html
import re

import botocore.session


def load():
    return botocore.session.Session().get_service_model("chime-sdk-meetings")


def pattern(shape):
    """The regular expression that the whole of a string must match, or None.

    A member's documentation may contain a pattern that its shape lacks, and may reserve a prefix.
    """
    found = re.search(r"Pattern: <code>(.*?)</code>", shape.documentation)
    expression = html.unescape(found[1]) if found else shape.metadata.get("pattern")
    if "begin with <code>aws:</code> are reserved" in shape.documentation:
        expression = f"(?![aA][wW][sS]:)(?:{expression})"
    return expression
