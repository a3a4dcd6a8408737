"""PagerDuty's own description of its API as the judge of requests and answers; the judging is done by openapi-core."""

import json
from pathlib import Path

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

DESCRIPTION = Path(__file__).parent / "openapi.json"


class Request:
    """What openapi-core wants to know of a GET request."""

    method = "get"
    body = b""
    content_type = "application/json"

    def __init__(self, path, query, headers):
        """`query`: pairs, repeated names repeated. `headers`: pairs."""
        self.host_url = "/"
        self.path = path
        self.path_pattern = None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(query), header=Headers(headers), cookie=ImmutableMultiDict(), path={}
        )


class Response:
    """What openapi-core wants to know of an answer."""

    def __init__(self, status, body, content_type):
        self.status_code = status
        self.data = body
        self.headers = Headers({"Content-Type": content_type})
        self.content_type = content_type


def reason(fault):
    """An error of the library as one line: what its cause names as the broken rules, else the cause itself."""
    broken = []
    cause = fault
    while cause is not None:
        broken += [error.message for error in getattr(cause, "schema_errors", None) or []]
        cause = cause.__cause__
    where = str(fault) if "Value {" not in str(fault) else "body"
    return f"{where.splitlines()[0][:200]}: {'; '.join(broken)[:600] or fault.__cause__}"


class Described:
    def __init__(self):
        description = json.loads(DESCRIPTION.read_text())
        self.api = OpenAPI.from_dict(description)
        self.parameters = self._parameters(description)

    @staticmethod
    def _parameters(description):
        """The names of each path's query parameters."""
        shared = description["components"]["parameters"]
        names = {}
        for path, item in description["paths"].items():
            parts = [shared[ref["$ref"].rsplit("/", 1)[1]] for ref in item["get"]["parameters"]]
            names[path] = {part["name"] for part in parts if part["in"] == "query"}
        return names

    def request_fault(self, path, query, headers, pattern):
        """`None`, or why this request is none that the description knows.

        `pattern`: the path as the description spells it. Names of parameters are compared here, as OpenAPI itself lets
        unknown ones pass, and PagerDuty would silently ignore a misspelt filter.
        """
        for name, _ in query:
            if name not in self.parameters.get(pattern, ()):
                return f"{pattern} has no query parameter {name!r}"
        try:
            self.api.validate_request(Request(path, query, headers))
        except OpenAPIError as fault:
            return reason(fault)
        return None

    def response_fault(self, path, query, headers, status, body, content_type):
        """`None`, or why this answer is none that the description knows."""
        try:
            self.api.validate_response(Request(path, query, headers), Response(status, body, content_type))
        except OpenAPIError as fault:
            return reason(fault)
        return None
