#!/usr/bin/env python3
"""A strongDM reference server: state and wire of the messages that the vendor generated, nothing of our own protobuf.

    server.py WORLD.JSON [--latency SECONDS] [--page-cap N]

Serves the part `strongdm` of the world (see ../world.py) without TLS on a free loopback port and prints one line of
JSON with `port` and `control`. The control port answers GET /state (grants, attachments, calls, refusals, every Create
as decoded by the vendor's classes) and takes POST /world.

Signatures are checked over the bytes as received, before anything is parsed.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status
from strongdm import (
    account_attachments_pb2,
    account_grants_pb2,
    accounts_pb2,
    models,
    plumbing,
    resources_pb2,
    roles_pb2,
    spec_pb2,
)

from filters import Unreadable, matcher
from keys import Keys, Refusal

sys.path.append(str(Path(__file__).parent.parent))
from standin import announce  # noqa: E402

DEFAULT_PAGE = 50  # `limit` 0, by the comment in the vendor's Go SDK
LIMITS = {"read": 5000, "write": 500}  # calls a minute of one key, by the vendor's documentation


def bad_request(message):
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message, spec_pb2.BadRequestError())


def not_found(entity):
    return Refusal(grpc.StatusCode.NOT_FOUND, f"{entity} does not exist", spec_pb2.NotFoundError(entity=entity))


def stamp(timestamp):
    return timestamp.ToDatetime(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def body_of(oneof):
    """The message inside a one-of, and the name of its kind."""
    kind = oneof.WhichOneof(oneof.DESCRIPTOR.oneofs[0].name)
    return getattr(oneof, kind), kind.replace("_", "")


def tags_of(message):
    return [f"{pair.name}={pair.value}" for pair in message.tags.pairs]


def account_fields():
    def inner(read):
        return lambda account: read(body_of(account)[0])

    return {
        "id": inner(lambda body: [body.id]),
        "type": lambda account: [body_of(account)[1]],
        "email": inner(lambda body: [getattr(body, "email", "")]),
        "name": inner(lambda body: [getattr(body, "name", "") or f"{body.first_name} {body.last_name}"]),
        "firstname": inner(lambda body: [getattr(body, "first_name", "")]),
        "lastname": inner(lambda body: [getattr(body, "last_name", "")]),
        "tag": inner(tags_of),
    }


def resource_fields():
    return {
        "id": lambda resource: [body_of(resource)[0].id],
        "name": lambda resource: [body_of(resource)[0].name],
        "type": lambda resource: [body_of(resource)[1]],
        "tag": lambda resource: tags_of(body_of(resource)[0]),
    }


FIELDS = {
    "accounts": account_fields(),
    "resources": resource_fields(),
    "roles": {"id": lambda role: [role.id], "name": lambda role: [role.name], "tag": tags_of},
    "grants": {
        "id": lambda grant: [grant.id],
        "accountid": lambda grant: [grant.account_id],
        "resourceid": lambda grant: [grant.resource_id],
    },
    "attachments": {
        "id": lambda attachment: [attachment.id],
        "accountid": lambda attachment: [attachment.account_id],
        "roleid": lambda attachment: [attachment.role_id],
    },
}


class StrongDm:
    def __init__(self, world, options):
        self.options = options
        self.load(world)

    def load(self, world):
        part = world["strongdm"]
        self.keys = Keys(part["access_key"], part["secret_key"])
        self.one_grant_per_access = part.get("one_grant_per_access", False)
        self.accounts, self.resources, self.roles, self.grants, self.attachments = {}, {}, {}, {}, {}
        self.grants_of = defaultdict(list)  # by account and resource, deleted ones included
        for entry in part["users"]:
            account = plumbing.convert_account_to_plumbing(models.User(**entry))
            self.accounts[entry["id"]] = account
        for entry in part.get("services", []):
            self.accounts[entry["id"]] = plumbing.convert_account_to_plumbing(models.Service(**entry))
        for entry in part["resources"]:
            fields = {key: value for key, value in entry.items() if key != "type"}
            resource = plumbing.convert_resource_to_plumbing(getattr(models, entry["type"])(**fields))
            self.resources[entry["id"]] = resource
        for entry in part["roles"]:
            self.roles[entry["id"]] = plumbing.convert_role_to_plumbing(models.Role(**entry))
        for entry in part.get("grants", []):
            grant = account_grants_pb2.AccountGrant(
                id=entry["id"], account_id=entry["account_id"], resource_id=entry["resource_id"]
            )
            for field in ("start_from", "valid_until"):
                if entry.get(field):
                    getattr(grant, field).FromJsonString(entry[field])
            self.keep(grant)
        self.calls, self.refusals = Counter(), Counter()
        self.creates, self.deletes, self.unusual = [], [], []
        self.serial = self.busy = self.busiest = 0

    def state(self):
        """Counts since the world was loaded; `busiest`, the most calls at once, since the last reading."""
        busiest, self.busiest = self.busiest, self.busy
        writes = sum(count for name, count in self.calls.items() if not name.endswith((".List", ".Get")))
        return {
            "grants": [self.grant_json(grant) for grant in self.grants.values()],
            "attachments": [
                {"id": item.id, "account_id": item.account_id, "role_id": item.role_id}
                for item in self.attachments.values()
            ],
            "calls": dict(self.calls),
            "total": sum(self.calls.values()),
            "writes": writes,
            "refusals": dict(self.refusals),
            "creates": self.creates,
            "deletes": self.deletes,
            "unusual": self.unusual,
            "busiest": busiest,
            "cpu": time.process_time(),
        }

    @staticmethod
    def grant_json(grant):
        fields = {"id": grant.id, "account_id": grant.account_id, "resource_id": grant.resource_id}
        for field in ("start_from", "valid_until"):
            fields[field] = stamp(getattr(grant, field)) if grant.HasField(field) else None
        return fields

    def keep(self, grant):
        self.grants[grant.id] = grant
        self.grants_of[grant.account_id, grant.resource_id].append(grant)

    def new_id(self, prefix):
        self.serial += 1
        return f"{prefix}-{self.serial:08x}"

    def page(self, kind, records, request):
        """The records of one page, ordered by id, and the cursor of the next."""
        try:
            wanted = matcher(request.filter, FIELDS[kind])
        except Unreadable as error:
            raise bad_request(str(error)) from error
        limit = min(request.meta.limit or DEFAULT_PAGE, self.options.page_cap)
        if limit < 1:
            raise bad_request("a page of less than one record")
        # A cursor is bound to its filter: a client that changes the filter on the way is in error.
        mark = hashlib.sha256(f"{kind} {request.filter}".encode()).hexdigest()[:12]
        after = ""
        if request.meta.cursor:
            try:
                found, after = base64.b64decode(request.meta.cursor, validate=True).decode().split("|")
            except ValueError as error:
                raise bad_request("unreadable cursor") from error
            if found != mark:
                raise bad_request("the cursor belongs to another filter")
        rest = [record for key, record in sorted(records.items()) if key > after and wanted(record)]
        shown = rest[:limit]
        if len(rest) <= limit:
            return shown, ""
        last = shown[-1] if kind not in ("accounts", "resources") else body_of(shown[-1])[0]
        return shown, base64.b64encode(f"{mark}|{last.id}".encode()).decode()

    def lister(self, kind, request_type, response_type, field):
        def answer(raw):
            request = request_type.FromString(raw)
            shown, cursor = self.page(kind, getattr(self, kind), request)
            response = response_type(**{field: shown})
            response.meta.next_cursor = cursor
            return request, response

        return answer

    def create_grant(self, raw):
        request = account_grants_pb2.AccountGrantCreateRequest.FromString(raw)
        wanted = request.account_grant
        if wanted.account_id not in self.accounts:
            raise not_found("account")
        if wanted.resource_id not in self.resources:
            raise not_found("resource")
        if not wanted.HasField("valid_until") or not wanted.valid_until.seconds:
            raise bad_request("a direct grant needs an end")
        made = account_grants_pb2.AccountGrant()
        made.CopyFrom(wanted)
        now = datetime.now(timezone.utc)
        if not wanted.start_from.seconds:
            made.start_from.FromDatetime(now)
        if made.valid_until.ToDatetime(timezone.utc) <= max(now, made.start_from.ToDatetime(timezone.utc)):
            raise bad_request("the grant would end before it begins, or has ended")
        for held in self.grants_of[made.account_id, made.resource_id]:
            dates = (held.start_from, held.valid_until) == (made.start_from, made.valid_until)
            if held.id in self.grants and (dates or self.one_grant_per_access):
                detail = spec_pb2.AlreadyExistsError(entity="account grant")
                raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "access grant already exists", detail)
        self.creates.append({**self.grant_json(wanted), "raw": raw.hex()})
        made.id = self.new_id("ag")
        self.keep(made)
        return request, account_grants_pb2.AccountGrantCreateResponse(account_grant=made)

    def create_attachment(self, raw):
        request = account_attachments_pb2.AccountAttachmentCreateRequest.FromString(raw)
        wanted = request.account_attachment
        if wanted.account_id not in self.accounts:
            raise not_found("account")
        if wanted.role_id not in self.roles:
            raise not_found("role")
        for held in self.attachments.values():
            if (held.account_id, held.role_id) == (wanted.account_id, wanted.role_id):
                detail = spec_pb2.AlreadyExistsError(entity="account attachment")
                raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "the account has the role", detail)
        made = account_attachments_pb2.AccountAttachment()
        made.CopyFrom(wanted)
        made.id = self.new_id("aa")
        self.attachments[made.id] = made
        return request, account_attachments_pb2.AccountAttachmentCreateResponse(account_attachment=made)

    def getter(self, kind, request_type, response_type, field):
        def answer(raw):
            request = request_type.FromString(raw)
            if request.id not in getattr(self, kind):
                raise not_found(field)
            return request, response_type(**{field: getattr(self, kind)[request.id]})

        return answer

    def deleter(self, kind, request_type, response_type):
        def answer(raw):
            request = request_type.FromString(raw)
            if getattr(self, kind).pop(request.id, None) is None:
                raise not_found(kind)
            self.deletes.append(request.id)
            return request, response_type()

        return answer

    def services(self):
        grants, attachments = account_grants_pb2, account_attachments_pb2
        return {
            "Accounts.List": self.lister(
                "accounts", accounts_pb2.AccountListRequest, accounts_pb2.AccountListResponse, "accounts"
            ),
            "Resources.List": self.lister(
                "resources", resources_pb2.ResourceListRequest, resources_pb2.ResourceListResponse, "resources"
            ),
            "Roles.List": self.lister("roles", roles_pb2.RoleListRequest, roles_pb2.RoleListResponse, "roles"),
            "AccountGrants.List": self.lister(
                "grants", grants.AccountGrantListRequest, grants.AccountGrantListResponse, "account_grants"
            ),
            "AccountGrants.Get": self.getter(
                "grants", grants.AccountGrantGetRequest, grants.AccountGrantGetResponse, "account_grant"
            ),
            "AccountGrants.Create": self.create_grant,
            "AccountGrants.Delete": self.deleter(
                "grants", grants.AccountGrantDeleteRequest, grants.AccountGrantDeleteResponse
            ),
            "AccountAttachments.List": self.lister(
                "attachments",
                attachments.AccountAttachmentListRequest,
                attachments.AccountAttachmentListResponse,
                "account_attachments",
            ),
            "AccountAttachments.Get": self.getter(
                "attachments",
                attachments.AccountAttachmentGetRequest,
                attachments.AccountAttachmentGetResponse,
                "account_attachment",
            ),
            "AccountAttachments.Create": self.create_attachment,
            "AccountAttachments.Delete": self.deleter(
                "attachments",
                attachments.AccountAttachmentDeleteRequest,
                attachments.AccountAttachmentDeleteResponse,
            ),
        }

    def rate_limit(self, method):
        bucket = "read" if method.endswith((".List", ".Get")) else "write"
        limit = spec_pb2.RateLimitMetadata(limit=LIMITS[bucket], remaining=LIMITS[bucket] - 1, bucket=bucket)
        limit.reset_at.FromDatetime(datetime.now(timezone.utc) + timedelta(minutes=1))
        return limit

    def handler(self, method, operation):
        async def handle(raw, context):
            self.calls[method] += 1
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            try:
                if self.options.latency:
                    await asyncio.sleep(self.options.latency)
                self.keys.check(method, raw, dict(context.invocation_metadata()))
                request, response = operation(raw)
                # Whether the service hashes the bytes received or those it would write itself is not published;
                # a client whose bytes are the canonical ones need not care.
                if request.SerializeToString(deterministic=True) != raw:
                    self.unusual.append(f"{method}: {raw.hex()}")
                response.rate_limit.CopyFrom(self.rate_limit(method))
                return response.SerializeToString()
            except Refusal as refusal:
                self.refusals[f"{method} {refusal.code.name}"] += 1
                await self.refuse(context, refusal)
            finally:
                self.busy -= 1

        return grpc.unary_unary_rpc_method_handler(handle)

    @staticmethod
    async def refuse(context, refusal):
        status = Status(code=refusal.code.value[0], message=refusal.message)
        if refusal.detail is not None:
            detail = Any()
            detail.Pack(refusal.detail)
            status.details.append(detail)
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(refusal.code, refusal.message, trailers)

    async def serve(self):
        server = grpc.aio.server()
        by_service = {}
        for method, operation in self.services().items():
            service, name = method.split(".")
            by_service.setdefault(service, {})[name] = self.handler(method, operation)
        for service, handlers in by_service.items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"v1.{service}", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self.server = server  # it ends when nobody holds it
        return port


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("world")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--page-cap", type=int, default=1000, help="records of a page at most, whatever is asked for")
    options = parser.parse_args()
    strongdm = StrongDm(json.loads(Path(options.world).read_text()), options)
    await announce(await strongdm.serve(), strongdm)


if __name__ == "__main__":
    asyncio.run(main())
