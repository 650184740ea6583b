"""What can go wrong with releases. Refusals of four eyes are Denied, so that the audit trail keeps each attempt."""

from __future__ import annotations

from modelyard.kernel.errors import Denied, ErrorKind, PlatformError

_ANOTHER = "Ask another reviewer: modelyard --profile REVIEWER approve {number} -m WHY."


class ReleaseNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "releases.not_found"
    message = "There is no release {number} that you may see."
    hint = "List them: modelyard releases."


class ReleasePending(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.pending_already"
    message = "Release {number} of the same version to {endpoint} waits for a decision already."
    hint = "Have it decided, or withdraw it: modelyard releases withdraw {number}."


class VersionLiveAlready(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.live_already"
    message = "{model}:{version} is live at {endpoint} already, by release {number}."
    hint = "Push a new version first: modelyard push."


class ReleaseNotPending(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.not_pending"
    message = "Release {number} can't be {verb}: it is {state}, expected pending."
    hint = "Look at it: modelyard releases show {number}."


class ApproverIsAuthor(Denied):
    kind = ErrorKind.DENIED
    code = "releases.approver_is_author"
    message = "Release {number} is {principal}'s own work; a second person decides on it."
    hint = _ANOTHER


class ApproverIsRequester(Denied):
    kind = ErrorKind.DENIED
    code = "releases.approver_is_requester"
    message = "{principal} asked for release {number}; a second person decides on it."
    hint = _ANOTHER


class ApproverMadeTheCredential(Denied):
    kind = ErrorKind.DENIED
    code = "releases.approver_made_credential"
    message = "Release {number} was pushed or asked for with a token that {principal} made, so it counts as theirs."
    hint = _ANOTHER


class ApproverIsNotAPerson(Denied):
    kind = ErrorKind.DENIED
    code = "releases.approver_is_no_person"
    message = "Release {number} is approved by a person; {principal} is none."
    hint = _ANOTHER


class VersionChanged(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "releases.version_changed"
    message = "Release {number} was asked for with {asked}, but the version is now {now}."
    hint = "Withdraw it and ask again for what is there now."


class EvidenceChanged(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "releases.evidence_changed"
    message = "What release {number} is compared with changed since you looked: you saw {seen}, it is now {now}."
    hint = "Look at it again, then decide."


class NothingToRollBackTo(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.nothing_to_roll_back_to"
    message = "No earlier release was ever live at {endpoint}."
    hint = "Stop it instead: modelyard endpoints stop."


class RollBackTargetNeverLive(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.target_never_live"
    message = "Release {number} can't be rolled back to: it never was live at {endpoint}, or could not start."
    hint = "List what was: modelyard releases list."


class RollBackTargetUncovered(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "releases.target_uncovered"
    message = "Release {number} has no signed statement, so no node would load it."
    hint = "Ask for a new release of that version and have it approved."
