"""Use cases of cell jobs: ask for work, give it to its node, take the answer once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from modelyard.builds.cells.domain import GRACE_S, ISSUES_MAX, REPEAT_S, Ask, Order
from modelyard.builds.cells.errors import CellJobFailed, NodeAbsent, NodeLost, OrderNotFound, ResultInvalid
from modelyard.builds.cells.store import OrderStore
from modelyard.contracts.canonical import canonical_json, strict_json
from modelyard.contracts.cell_job import LOG_LINE_BYTES_MAX, CellJob, CellJobResult
from modelyard.contracts.statements import CELL_JOB_PAYLOAD
from modelyard.identity.nodes.service import NodeEnrolmentService
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.db.storable import storable
from modelyard.infra.http.waiting import Bell
from modelyard.kernel.clock import Clock, to_rfc3339
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.trust.attestations import SigningKey, sign

LOOK_S = 0.5
LINES_MAX = 2000

# Where the lines of a running job go: subject (the build), lines.
LogSink = Callable[[UnitOfWork, str, list[str]], None]


class CellService:
    """See the module. `order_key` signs; `on_log` takes the lines of running jobs."""

    def __init__(
        self,
        database: Database,
        nodes: NodeEnrolmentService,
        order_key: SigningKey,
        clock: Clock,
        bell: Bell,
    ) -> None:
        self._database = database
        self._nodes = nodes
        self._order_key = order_key
        self._clock = clock
        self.bell = bell
        self._sent_at: dict[str, datetime] = {}
        self._boots: dict[str, str] = {}
        self._up_since = clock.now()
        self._on_log: LogSink = lambda _uow, _subject, _lines: None

    def send_logs_to(self, sink: LogSink) -> None:
        """Builds take the lines; they are the higher slice."""
        self._on_log = sink

    def run(self, ask: Ask, check_wanted: Callable[[], None]) -> tuple[dict[str, Any], float]:
        """The cell's result, not yet believed, and its seconds. Blocks; `check_wanted` raises when the wait is to end.

        Repeating it after a crash finds the same job again. A job that its node lost is asked for anew, under a new
        id, because a node runs an id once. Raises CellJobFailed, NodeAbsent, NodeLost.
        """
        order = self._find_or_add(ask)
        for _ in range(ISSUES_MAX):
            order = self._wait(order, check_wanted)
            if order.state == "done" and order.result is not None:
                return order.result, order.seconds
            if order.state == "failed":
                raise _failure(order)
            if order.issued_at is None:
                raise NodeAbsent(kind=ask.kind, waited_s=(self._clock.now() - order.created_at).total_seconds())
            order = self._add(ask)
        self.withdraw(ask.subject_id)
        raise NodeLost(kind=ask.kind, times=ISSUES_MAX)

    def withdraw(self, subject_id: str) -> None:
        """Takes back what is open: its result will not be listened to."""
        with self._database.transaction() as uow:
            OrderStore(uow).end_all(subject_id, self._clock.now())
        self.bell.ring()

    def note_boot(self, node_id: str, boot: str) -> None:
        """The node's process `boot` has come to ask. Polls of an earlier one may still wait here, for a reader that was
        killed: they must neither take orders nor call those of its successor lost."""
        self._boots[node_id] = boot

    def is_superseded(self, node_id: str, boot: str) -> bool:
        """Whether a later process of the node has come since."""
        return self._boots.get(node_id, boot) != boot

    def take_orders(self, node_id: str, boot: str) -> list[dict[str, Any]]:
        """Envelopes of the node's jobs that it has not begun. `boot` names the node's process: what an earlier one
        had begun is lost, and asked for anew at once."""
        now = self._clock.now()
        with self._database.reading() as uow:
            if not any(self._is_due(order, boot, now) for order in OrderStore(uow).list_open(node_id)):
                return []
        envelopes, lost = [], False
        with self._database.transaction() as uow:
            store = OrderStore(uow)
            for order in store.list_open(node_id):
                if not self._is_due(order, boot, now):
                    continue
                if _is_of_earlier_boot(order, boot):
                    lost = store.end(order.id, "lost", now, {}) or lost
                    continue
                envelope = order.envelope
                if envelope is None:
                    envelope = self._sign(order)
                    store.issue(order.id, now, boot, envelope)
                self._sent_at[order.id] = now
                envelopes.append(envelope)
        if lost:
            self.bell.ring()
        return envelopes

    def take_log(self, uow: UnitOfWork, node_id: str, job_id: str, lines: list[str]) -> None:
        """Raises OrderNotFound. Lines of a job that has ended are dropped."""
        order = self._order_of(uow, node_id, job_id)
        if order.state == "issued":
            cut = [storable(line[:LOG_LINE_BYTES_MAX]) for line in lines[:LINES_MAX]]
            self._on_log(uow, order.subject_id, cut)

    def take_result(self, uow: UnitOfWork, node_id: str, job_id: str, body: bytes) -> bool:
        """Whether it counts: the first result of an issued job does, any other is received and ignored, so that the
        node stops sending it. A result that is none fails the job. Raises OrderNotFound."""
        order = self._order_of(uow, node_id, job_id)
        if order.state != "issued":
            return False
        try:
            result = CellJobResult.from_json(_strict_json(body))
            if result.job_id != job_id:
                raise ValueError(f"it names the job {result.job_id[:40]!r}")
            outcome = _outcome(result)
        except (ValueError, TypeError, AttributeError) as cause:
            reason = ResultInvalid(kind=order.kind, reason=str(cause)[:300])
            outcome = {"failure": {"code": reason.code, "message": reason.detail, "hint": reason.next_step}}
        self._sent_at.pop(job_id, None)
        state = "done" if "result" in outcome else "failed"
        counts = OrderStore(uow).end(job_id, state, self._clock.now(), outcome)
        details = {"kind": order.kind, "node": node_id, "state": state}
        target = f"cell-job:{job_id}"
        uow.record(Event("builds.cell_job.ended", target, job_id, order.project_id, order.project, details=details))
        uow.after_commit(self.bell.ring)
        return counts

    def project_of_blob(self, uow: UnitOfWork, node_id: str, digest: str) -> str | None:
        """The project in which an open job of the node names the file; None when none does."""
        return OrderStore(uow).open_blobs(node_id).get(digest)

    def _find_or_add(self, ask: Ask) -> Order:
        with self._database.reading() as uow:
            order = OrderStore(uow).find_latest(ask)
        # A failure is not kept for a retry of the build; a result, or one that is under way, is.
        return order if order is not None and order.state in ("queued", "issued", "done") else self._add(ask)

    def _add(self, ask: Ask) -> Order:
        with self._database.transaction() as uow:
            nodes = [node for node in self._nodes.nodes(uow) if node.revoked_at is None]
            if not nodes:
                raise NodeAbsent(kind=ask.kind, waited_s=0.0)
            order = Order(
                id=new_id("jo"),
                project_id=ask.project_id,
                project=ask.project,
                subject_id=ask.subject_id,
                purpose=ask.purpose,
                kind=ask.kind,
                node_id=nodes[0].id,
                state="queued",
                inputs=ask.inputs,
                inputs_digest=ask.inputs_digest,
                blobs=tuple(dict.fromkeys(ask.blobs)),
                timeout_s=ask.timeout_s,
                created_at=self._clock.now(),
            )
            OrderStore(uow).add(order)
        self.bell.ring()
        return order

    def _wait(self, order: Order, check_wanted: Callable[[], None]) -> Order:
        while True:
            seen = self.bell.rings
            check_wanted()
            with self._database.reading() as uow:
                found = OrderStore(uow).find(order.id)
            if found is None:
                raise RuntimeError(f"the cell job {order.id} is gone")
            if found.state not in ("queued", "issued"):
                return found
            if found.is_overdue(self._clock.now(), self._up_since):
                with self._database.transaction() as uow:
                    OrderStore(uow).end(order.id, "lost", self._clock.now(), {})
                continue
            self.bell.wait(seen, LOOK_S)

    def _is_due(self, order: Order, boot: str, now: datetime) -> bool:
        """New, to be given up, or sent so long ago that the answer may have been cut off on its way: a node passes
        over what it is doing already."""
        if order.issued_at is None or _is_of_earlier_boot(order, boot):
            return True
        return (now - self._sent_at.get(order.id, order.issued_at)).total_seconds() >= REPEAT_S

    def _sign(self, order: Order) -> dict[str, Any]:
        now = self._clock.now()
        job = CellJob(
            job_id=order.id,
            kind=order.kind,
            node_id=order.node_id,
            project=order.project,
            project_id=order.project_id,
            issued_at=to_rfc3339(now),
            expires_at=to_rfc3339(now + timedelta(seconds=order.timeout_s + GRACE_S)),
            inputs=order.inputs,
            timeout_s=order.timeout_s,
        )
        return sign(CELL_JOB_PAYLOAD, canonical_json(job.to_json()), self._order_key).to_json()

    def _order_of(self, uow: UnitOfWork, node_id: str, job_id: str) -> Order:
        order = OrderStore(uow).find(job_id)
        if order is None or order.node_id != node_id:
            raise OrderNotFound(job_id=job_id[:80])
        return order


def _is_of_earlier_boot(order: Order, boot: str) -> bool:
    return order.issued_at is not None and bool(boot and order.boot) and order.boot != boot


def _outcome(result: CellJobResult) -> dict[str, Any]:
    if result.failure is not None:
        failure = result.failure
        told = {
            "code": str(failure.code)[:100],
            "message": str(failure.message)[:16000],
            "hint": str(failure.hint)[:2000],
        }
        return {"failure": told | {"details": _small(failure.details)}, "seconds": result.seconds}
    inner = result.result or {}
    if isinstance(inner.get("failure"), dict):  # as the worker writes it into its own result file
        told = inner["failure"]
        texts = {name: str(told.get(name) or "")[:16000] for name in ("code", "message", "hint")}
        return {"failure": texts | {"details": _small(told.get("details"))}, "seconds": result.seconds}
    return {"result": inner, "seconds": result.seconds}


def _failure(order: Order) -> CellJobFailed:
    told = order.failure or {}
    code = str(told.get("code") or "")
    if not code.replace("_", "").replace(".", "").isalnum() or not code.startswith("builds."):
        code = CellJobFailed.code
    return CellJobFailed(
        code=code,
        text=str(told.get("message") or "The cell gave no reason."),
        advice=str(told.get("hint") or ""),
        details=told.get("details") if isinstance(told.get("details"), dict) else None,
    )


def _small(details: Any) -> dict[str, Any]:
    """A failure's details, without what would swell the build's row."""
    if not isinstance(details, dict):
        return {}
    kept: dict[str, Any] = {}
    for name, value in list(details.items())[:20]:
        text = value if isinstance(value, str) else json.dumps(value)
        kept[str(name)[:60]] = text[:32000]
    return kept


def _strict_json(body: bytes) -> dict[str, Any]:
    value = strict_json(body)
    if not isinstance(value, dict):
        raise Invalid(field="body", got=type(value).__name__, expected="an object")
    answer: dict[str, Any] = storable(value)
    return answer
