"""The lock on strongDM's door: access key, signature, version; and how a call is refused."""

import base64
import hashlib
import hmac
from datetime import datetime, timezone

import grpc
from strongdm import spec_pb2

API_VERSION = "2025-04-14"  # what the SDK 18.4.0 sends


class Refusal(Exception):
    def __init__(self, code, message, detail=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


class Keys:
    def __init__(self, access_key, secret_key):
        self.access_key = access_key
        self.secret = base64.b64decode(secret_key, validate=True)

    def signature(self, method, raw, day):
        key = hmac.digest(self.secret, day.encode(), "sha256")
        key = hmac.digest(key, b"sdm_api_v1", "sha256")
        message = hashlib.sha256(method.encode() + b"\n" + raw).digest()
        return base64.b64encode(hmac.digest(key, message, "sha256")).decode()

    def check(self, method, raw, metadata):
        def refused(message):
            return Refusal(grpc.StatusCode.UNAUTHENTICATED, message, spec_pb2.AuthenticationError())

        if metadata.get("x-sdm-api-version") != API_VERSION:
            raise refused("unknown API version")
        if metadata.get("x-sdm-authentication") != self.access_key:
            raise refused("unknown access key")
        today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        given = metadata.get("x-sdm-signature", "")
        if not hmac.compare_digest(given.encode(), self.signature(method, raw, today).encode()):
            raise refused("invalid signature")
