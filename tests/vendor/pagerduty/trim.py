#!/usr/bin/env python3
"""Cuts PagerDuty's OpenAPI description down to the operations that are checked, and patches what it gets wrong.

    trim.py OPENAPIV3.JSON > openapi.json

SOURCE.md names where the input comes from and gives the reason of each patch.
"""

import hashlib
import json
import sys

OPERATIONS = ["/oncalls", "/schedules", "/schedules/{id}", "/users/{id}", "/v3/schedules", "/v3/schedules/{id}"]
# Prose and examples: nothing in them is validated, and the prose is the vendor's.
PROSE = {"description", "example", "examples", "summary", "tags", "title"}
NAMED = {"schemas", "parameters", "responses"}


def look_up(document, pointer):
    node = document
    for step in pointer.removeprefix("#/").split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def without_prose(node, names=False):
    """`names`: the keys of this object are names chosen by the vendor (of properties, of schemas), not keywords."""
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if not names and key in PROSE:
            continue
        kept[key] = without_prose(value, names=key in {"properties", "content", "responses"} and not names)
    return kept


def home(pointer):
    """Where a referenced part is kept: its own place, or, for a part of a part, a name made of its path."""
    steps = pointer.removeprefix("#/components/").split("/")
    if len(steps) == 2:
        return steps[0], steps[1]
    return "schemas", "_".join(step for step in steps if "~" not in step and step not in NAMED)


def trim(document):
    components = {}

    def keep(node):
        if isinstance(node, list):
            return [keep(item) for item in node]
        if not isinstance(node, dict):
            return node
        if not isinstance(node.get("$ref"), str):
            return {key: keep(value) for key, value in node.items()}
        kind, name = home(node["$ref"])
        if name not in components.setdefault(kind, {}):
            components[kind][name] = None
            components[kind][name] = keep(without_prose(look_up(document, node["$ref"])))
        return {"$ref": f"#/components/{kind}/{name}"}

    paths = {}
    for path in OPERATIONS:
        operation = keep(without_prose(document["paths"][path]["get"]))
        paths[path] = {"get": {key: value for key, value in operation.items() if not key.startswith("x-")}}
    answers = [answer for path in paths.values() for answer in path["get"]["responses"].values()]
    for response in [*answers, *components["responses"].values()]:
        if "$ref" not in response:
            response["description"] = ""  # the format demands one
    components["securitySchemes"] = without_prose(document["components"]["securitySchemes"])
    return {
        "openapi": document["openapi"],
        "info": {"title": document["info"]["title"], "version": document["info"]["version"]},
        "servers": [{"url": "/"}],
        "security": document["security"],
        "paths": paths,
        "components": {kind: dict(sorted(parts.items())) for kind, parts in sorted(components.items())},
    }


def patch(document):
    """The numbers are those of SOURCE.md."""
    schemas = document["components"]["schemas"]
    parameters = document["components"]["parameters"]
    # 1, 2, 3: nulls, and users included in full.
    oncall = schemas["Oncall"]["properties"]
    oncall["start"]["nullable"] = oncall["end"]["nullable"] = True
    nothing = {"type": "object", "nullable": True, "enum": [None]}
    oncall["schedule"]["oneOf"].append(nothing)
    oncall["user"] = {"oneOf": [{"$ref": "#/components/schemas/UserReference"}, {"$ref": "#/components/schemas/User"}]}
    # 4: a GET carries no body, so no type of one.
    parameters["header_Content-Type"]["required"] = False
    # 5: repeatable parameters are arrays.
    for parameter in parameters.values():
        if parameter["name"].endswith("[]") and parameter["schema"]["type"] == "string":
            items = {key: parameter["schema"][key] for key in ("type", "enum")}
            parameter["schema"] = {"type": "array", "items": items, "uniqueItems": True}
    # 6: a refused key is answered without a body.
    document["components"]["responses"]["Unauthorized"].pop("content")
    # 7: no window, no coverage.
    schemas["SubSchedule"]["properties"]["rendered_coverage_percentage"]["nullable"] = True
    schemas["ScheduleLayer"]["properties"]["rendered_coverage_percentage"]["nullable"] = True
    # 8: what a layer-based schedule is answered with.
    document["components"]["responses"].setdefault(
        "BadRequest",
        {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/V3ErrorResponse"}}}},
    )
    document["paths"]["/v3/schedules/{id}"]["get"]["responses"]["400"] = {"$ref": "#/components/responses/BadRequest"}
    return document


def main():
    raw = open(sys.argv[1], "rb").read()
    print("sha256 of the input:", hashlib.sha256(raw).hexdigest(), file=sys.stderr)
    json.dump(patch(trim(json.loads(raw))), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
