"""strongDM's filter language, as its documentation and the vendor's own clients use it.

A term is `field:value`; terms are parted by commas or blanks, and all must match, except that several `id:` terms match
any of them. A value is bare or a JSON string; `*` stands for anything, quoted or not; case does not matter. Tags are
asked for as `tag:name=value`. Underscores in a field's name do not matter.
"""

import json
import re

STRING = r'"(?:[^"\\]|\\.)*"'
TERM = re.compile(rf"[\s,]*([A-Za-z_]+):((?:{STRING}|[^\s,\"])+)")


class Unreadable(ValueError):
    """The filter is none of the language, or asks for a field that the stand-in does not know."""


def terms(text):
    position = 0
    while text[position:].strip(" ,\t\n"):
        match = TERM.match(text, position)
        if match is None:
            raise Unreadable(f"unreadable filter at {text[position:]!r}")
        yield match[1].replace("_", "").lower(), match[2]
        position = match.end()


def plain(value):
    """The value with its quoted parts read as JSON strings."""
    try:
        return re.sub(STRING, lambda quoted: json.loads(quoted[0]), value)
    except ValueError as error:
        raise Unreadable(f"unreadable string in {value!r}: {error}") from error


def pattern(value):
    parts = (re.escape(part) for part in plain(value).split("*"))
    return re.compile(".*".join(parts), re.IGNORECASE | re.DOTALL)


def matcher(text, fields):
    """A predicate over records. `fields`: name of a field → the strings that a record has under it."""
    ids, others = [], []
    for field, value in terms(text):
        if field not in fields:
            raise Unreadable(f"unknown field {field!r}")
        (ids if field == "id" else others).append((fields[field], pattern(value)))

    def holds(record, term):
        strings, wanted = term
        return any(wanted.fullmatch(string) for string in strings(record))

    def matches(record):
        return (not ids or any(holds(record, term) for term in ids)) and all(holds(record, term) for term in others)

    return matches
