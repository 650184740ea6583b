"""What can go wrong between bytes and disk."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class DigestMismatch(PlatformError):
    kind = ErrorKind.INVALID
    code = "blobs.digest_mismatch"
    message = "The {size_bytes} bytes received have the digest {got}, expected {expected}. Nothing was kept."
    hint = "The file changed while it was sent, or was cut short. Send it again."


class BlobTooLarge(PlatformError):
    kind = ErrorKind.INVALID
    code = "blobs.too_large"
    message = "The file has more than {size_bytes_max} bytes. Nothing was kept."
    hint = "Leave it out of the push, or ask the operator to raise builds.upload_bytes_max."


class StorageFull(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "blobs.storage_full"
    message = "The installation's disk is full ({reason}). Nothing was kept, nothing is half-registered."
    hint = "Free space under the blob folder, then send the same request again; what was sent before is not lost."


class BlobCorrupt(PlatformError):
    """Bytes at rest are not what was written: truncated, tampered or gone."""

    kind = ErrorKind.INTERNAL
    code = "blobs.corrupt"
    message = "The stored bytes of {digest} are damaged: {reason}."
    hint = "Push the same file again, which repairs it, or restore a backup."
