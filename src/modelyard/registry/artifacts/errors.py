"""This slice's errors."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class ArtifactNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "artifacts.not_found"
    message = "The project holds no file with the digest {digest}."
    hint = "Upload it: PUT /api/v1/projects/PROJECT/blobs/{digest}."


class DigestMalformed(PlatformError):
    kind = ErrorKind.INVALID
    code = "artifacts.digest_malformed"
    message = "{digest!r} is no digest."
    hint = "A digest is sha256: and 64 lower-case hexadecimal digits of the file's SHA-256."
