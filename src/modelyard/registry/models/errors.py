"""This slice's errors."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class ModelNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "models.not_found"
    message = "There is no model {name!r} in {project}."
    hint = "See what there is: modelyard models."


class VersionNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "versions.not_found"
    message = "{model} has no version {version!r}."
    hint = "See what there is: modelyard models {model}. A version is 1.2.0, @alias or latest."


class AliasNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "aliases.not_found"
    message = "{model} has no alias {alias!r}."
    hint = "Point it at a version: PUT .../models/{model}/aliases/{alias}."


class VersionFileNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "versions.file_not_found"
    message = "{model} {version} has no file {path!r}."
    hint = "The version's own page lists its files."


class VersionNumberTaken(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "versions.number_taken"
    message = "{model} {version} exists already with other content ({digest}). Versions never change."
    hint = "Raise [model] version, or leave it out to get {next}."
