from __future__ import annotations

from tools.lint.rules import error_code

PATH = "src/modelyard/deployment/releases/errors.py"


def test_error_without_code_or_kind_is_found(lint):
    text = """
        class ReleaseNotFound(PlatformError):
            kind = ErrorKind.NOT_FOUND
        class ReleaseDecided(PlatformError):
            code = "releases.decided"
        """
    first, second = lint(error_code, {PATH: text})
    assert "ReleaseNotFound needs its own `code`" in first
    assert "ReleaseDecided needs a `kind`" in second


def test_kind_may_come_from_a_base_but_code_may_not(lint):
    text = """
        class NotFound(PlatformError):
            kind = ErrorKind.NOT_FOUND
            code = "not_found"
        class ReleaseNotFound(errors.NotFound):
            code: ClassVar[str] = "releases.not_found"
        class ModelNotFound(NotFound):
            message = "no"
        """
    assert lint(error_code, {PATH: text}) == [
        "7 ModelNotFound needs its own `code`, such as `releases.not_found`; got None"
    ]


def test_code_of_two_classes_is_found_across_files(lint):
    text = 'class {}(PlatformError):\n    kind = 1\n    code = "releases.not_found"\n'
    files = {PATH: text.format("A"), "src/modelyard/registry/models/errors.py": text.format("B")}
    assert "share the code" in lint(error_code, files)[0]


def test_code_of_another_shape_is_found(lint):
    text = 'class A(PlatformError):\n    kind = 1\n    code = "Releases-NotFound"\n'
    assert "needs its own" in lint(error_code, {PATH: text})[0]


def test_other_exceptions_pass(lint):
    assert lint(error_code, {PATH: "class Odd(ValueError): ...\nclass Plain: ...\n"}) == []
