"""What the syntax shows of the actions that a function records."""

from __future__ import annotations

import ast

import pytest
from tools.docs.values import assigned_in, event_actions, given_by, values_of


def expression(text):
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("'a.b.c'", {"a.b.c"}),
        ("'x' if y else 'z'", {"x", "z"}),
        ("f'a.{verb}'", {"a.stopped", "a.started"}),
        ("f'a.{other}.b'", {"a.*.b"}),
        ("verb", {"stopped", "started"}),
        ("f(x)", {"*"}),
    ],
)
def test_expression_gives_the_strings_it_can_be(text, values):
    known = {"verb": frozenset({"stopped", "started"})}
    assert values_of(expression(text), known) == values


def test_name_assigned_in_a_function_is_known():
    function = ast.parse("def f():\n    action = 'a' if x else 'b'\n    Event(action, t)").body[0]
    known = assigned_in(function, {})
    assert event_actions(function.body[1].value, known) == {"a", "b"}


@pytest.mark.parametrize("call", ["self.record(uow, 'a', p)", "self.record(uow, action='a', p=1)"])
def test_call_gives_strings_to_the_parameters_of_a_method(call):
    function = ast.parse("def record(self, uow, action, p): ...").body[0]
    assert given_by(expression(call), function, {}) == {"action": frozenset({"a"})}


def test_other_calls_are_no_events():
    assert event_actions(expression("Thing('a')"), {}) == frozenset()
