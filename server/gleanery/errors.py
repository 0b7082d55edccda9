"""Every error that gleanery raises on purpose.

GleaneryError
├── InvalidInput          a field of a request or a setting is wrong           422
│   └── InvalidUrl        not a URL that may be fetched, and why
├── BadRequest            the request itself can't be read                     400
├── Unauthorized          no key, or a wrong one                               401
│   └── SignatureWrong    a webhook that is not signed, or not with the workspace's secret
├── Forbidden             a wrong origin or host                               403
│   └── SecretMissing     a workspace without a secret takes no webhooks
├── NotFound              no task, source, page, chunk of that id              404
├── WrongState            the task is not in a state that allows this          409
├── IdempotencyConflict   the same key came with another request               409
├── QueueFull             the bounded queue has no room now                    503
├── UploadTooLarge        a file with more bytes than the cap                  413
├── UnsupportedType       a file of a kind that isn't read                     415
├── UploadGone            an uploaded file is not on this disk any more
├── RefreshRejected       what a crawl built would take too much away: the old state stands
├── RerankFailed          no better order of hits came: they stay as they are  can pass
├── StorageError          the store could not keep what it was given           507, can pass
│   ├── StorageFull       no room left on the disk
│   └── StorageAway       the database did not answer, however often it was asked   503, can pass
├── MemoryLimitExceeded   the processes of a task took more memory than its type may
├── ProcessFailed         work in a process of its own raised what is no error of ours
├── ProcessDied           a process ended before it had answered               can pass
├── LeaseLost             another worker owns this task now: write nothing
├── ServerUnreachable     no gleanery server answers the command line          can pass
├── ServerRefused         what a gleanery server answered the command line instead of doing it
├── FetchError            a URL gave no usable document
│   ├── AddressForbidden  it leads to a private or reserved address
│   ├── HostNotFound      its name does not resolve
│   ├── ConnectFailed     nobody answers there, or the line broke              can pass
│   ├── TlsFailed         the certificate or the handshake is not valid
│   ├── TimedOut          it took longer than allowed                          can pass
│   ├── HttpStatus        it answered with 4xx or 5xx                          408, 425, 429, 5xx can pass
│   ├── RedirectLoop      too many redirects, or a circle of them
│   ├── RedirectRefused   a redirect to something that may not be fetched
│   ├── RobotsDenied      robots.txt says no
│   ├── RobotsUnreachable robots.txt answers 5xx or not at all: a full stop    can pass
│   ├── TooLarge          more bytes than the cap
│   ├── NotHtml           a kind of document that isn't read
│   ├── BrokenBody        the body can't be decompressed or decoded
│   ├── EmptyPage         nothing to read on it
│   ├── ExtractFailed     the document could not be taken apart in time
│   ├── BrowserUnavailable no browser, or none that starts
│   ├── RenderFailed      the page broke in the browser                        can pass
│   ├── PageBlocked       the site turns the browser away, or wants it proven human   can pass
│   └── PageTooHeavy      the page took more memory or windows than one may    can pass
├── EmbedError            no vectors for these texts
│   ├── EmbedKeyRefused   the API key is wrong or was revoked
│   ├── EmbedQuotaSpent   the account has no quota left
│   ├── EmbedTextRefused  one text gives no vector, whatever is done
│   ├── EmbedMismatch     the model or the shape of its answer is not as set
│   │   ├── EmbedModelUnknown     the server has no such model
│   │   └── EmbedWrongDimensions  its vectors have another length than is set
│   └── EmbedUnavailable  no room, no answer for now: 5xx                      can pass
│       ├── EmbedRateLimited  too many requests or tokens in a minute          can pass
│       ├── EmbedTimedOut     no answer in time                                can pass
│       └── EmbedUnreachable  nobody answers there                             can pass
├── ChatError             a chat model gave no answer that can be used
│   ├── ChatKeyRefused    the API key is wrong or was revoked
│   ├── ChatQuotaSpent    the account has no quota left
│   ├── ChatModelUnknown  the server has no such model
│   ├── ChatUnavailable   time-out, rate limit or 5xx                          can pass
│   ├── ChatRefused       the model will not answer this
│   ├── ChatTooLong       the question or its answer is longer than allowed
│   └── ChatMismatch      the answer has not the form that was asked for
└── ShortcutError         Shortcut did not do what was asked of it
    ├── ShortcutTokenMissing  the workspace has no API token
    ├── ShortcutTokenRefused  the API token is wrong, was revoked or may not do this
    ├── ShortcutStoryGone     there is no such story any more
    ├── ShortcutMismatch      its answer has not the form that is known
    └── ShortcutUnavailable   rate limit, 5xx or another that can pass         can pass

An error carries a stable `code`, one sentence for people, facts in `details`, and `can_retry`: whether the same
call may succeed later. A vendor's errors are translated in the one module that calls the vendor.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GleaneryError(Exception):
    """The root. `code` is stable and machine-readable, `message` is one sentence, `details` holds JSON facts."""

    code: str = "internal_error"
    can_retry: bool = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInput(GleaneryError):
    """A field is wrong; `details["field"]` names it (dotted for nested ones) and `details["reason"]` says why."""

    code = "invalid_field"

    def __init__(self, field: str, reason: str, **details: Any) -> None:
        super().__init__(f"{field}: {reason}", field=field, reason=reason, **details)
        self.field = field
        self.reason = reason


class InvalidUrl(InvalidInput):
    """A URL that can't be fetched by its form alone: not a URL, wrong scheme, userinfo, a forbidden address."""

    code = "invalid_url"

    def __init__(self, reason: str, *, kind: str = "invalid_url", field: str = "url", **details: Any) -> None:
        super().__init__(field, reason, **details)
        self.code = kind


class BadRequest(GleaneryError):
    code = "bad_request"


class Unauthorized(GleaneryError):
    code = "unauthorized"


class Forbidden(GleaneryError):
    code = "forbidden"


class SignatureWrong(Unauthorized):
    code = "signature_wrong"


class SecretMissing(Forbidden):
    code = "secret_missing"


class NotFound(GleaneryError):
    code = "not_found"

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"There is no {kind} with the id {id!r}.", kind=kind, id=id)


class WrongState(GleaneryError):
    code = "wrong_state"


class IdempotencyConflict(GleaneryError):
    code = "idempotency_conflict"


class QueueFull(GleaneryError):
    code = "queue_full"
    can_retry = True


class UploadTooLarge(GleaneryError):
    """`details["limit_bytes"]` has the cap."""

    code = "upload_too_large"


class UnsupportedType(GleaneryError):
    code = "unsupported_type"


class UploadGone(GleaneryError):
    """Its task had ended already, or another machine has it."""

    code = "upload_gone"


class RefreshRejected(GleaneryError):
    """`details["reasons"]` are sentences; `details["generation"]` may be activated by hand."""

    code = "refresh_rejected"


class RerankFailed(GleaneryError):
    code = "rerank_failed"
    can_retry = True


class StorageError(GleaneryError):
    code = "storage_error"
    can_retry = True


class StorageFull(StorageError):
    code = "storage_full"
    can_retry = False


class StorageAway(StorageError):
    """A task that meets it is put back, and goes on when the database is there again."""

    code = "storage_away"


class LeaseLost(GleaneryError):
    code = "lease_lost"


class MemoryLimitExceeded(GleaneryError):
    code = "memory_limit_exceeded"


class ProcessFailed(GleaneryError):
    """A defect in what ran in a process of its own; `details["exception"]` is the type of what it raised."""

    code = "process_failed"


class ProcessDied(GleaneryError):
    """No answer came from a process; `details` has the `signal` that ended it, or its `exit_code`."""

    code = "process_died"
    can_retry = True


class ServerUnreachable(GleaneryError):
    code = "server_unreachable"
    can_retry = True


class ServerRefused(GleaneryError):
    """An error answer of a gleanery server, with its own code and HTTP status, as a client of it sees it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, status=status)
        self.status = status
        self.code = code


class FetchError(GleaneryError):
    """A URL gave no usable document. `url` is the one that was asked for."""

    code = "fetch_failed"

    def __init__(self, url: str, message: str, **details: Any) -> None:
        super().__init__(message, url=url, **details)
        self.url = url


class AddressForbidden(FetchError):
    code = "address_forbidden"


class HostNotFound(FetchError):
    code = "host_not_found"


class ConnectFailed(FetchError):
    code = "connect_failed"
    can_retry = True


class TlsFailed(FetchError):
    code = "tls_failed"


class TimedOut(FetchError):
    code = "timed_out"
    can_retry = True


class HttpStatus(FetchError):
    """A 4xx or 5xx answer. `retry_after` is in seconds, None when the site named none."""

    passing: ClassVar[frozenset[int]] = frozenset({408, 425, 429, 500, 502, 503, 504})

    def __init__(self, url: str, status: int, phrase: str, retry_after: float | None = None) -> None:
        super().__init__(
            url, f"The site answered {status} {phrase}".rstrip() + ".", status=status, retry_after=retry_after
        )
        self.status = status
        self.retry_after = retry_after
        self.code = f"http_{status}"
        self.can_retry = status in self.passing


class RedirectLoop(FetchError):
    code = "redirect_loop"


class RedirectRefused(FetchError):
    code = "redirect_refused"


class RobotsDenied(FetchError):
    code = "robots_denied"


class RobotsUnreachable(FetchError):
    code = "robots_unreachable"
    can_retry = True


class TooLarge(FetchError):
    code = "too_large"


class NotHtml(FetchError):
    code = "not_html"


class BrokenBody(FetchError):
    code = "broken_body"


class EmptyPage(FetchError):
    code = "empty_page"


class ExtractFailed(FetchError):
    code = "extract_failed"


class BrowserUnavailable(FetchError):
    """There is no browser, or none that starts; `details` says why as `reason`, and as `retry_after` in how many seconds one
    is started again, where that is known."""

    code = "browser_unavailable"


class RenderFailed(FetchError):
    """The page crashed, broke its browser, or a script, a click or a wait that was asked for could not be done."""

    code = "render_failed"
    can_retry = True


class PageBlocked(FetchError):
    """The site answers 403, 429 or with a challenge; `details` has the `status`, what it is known by as `reason`, and
    `retry_after` in seconds, None when the site named none."""

    code = "page_blocked"
    can_retry = True


class PageTooHeavy(FetchError):
    """A page that was ended for what it took; `details["limit"]` is `memory_mb` or `pages`, `details["max"]` its bound."""

    code = "page_too_heavy"
    can_retry = True


class EmbedError(GleaneryError):
    code = "embed_failed"


class EmbedKeyRefused(EmbedError):
    code = "embed_key_refused"


class EmbedQuotaSpent(EmbedError):
    code = "embed_quota_spent"


class EmbedMismatch(EmbedError):
    code = "embed_mismatch"


class EmbedUnavailable(EmbedError):
    code = "embed_unavailable"
    can_retry = True


class EmbedModelUnknown(EmbedMismatch):
    """The server has no such model, or it is none that embeds."""

    code = "embed_model_unknown"


class EmbedWrongDimensions(EmbedMismatch):
    """Vectors of another length than was set, or a model that can't be asked for a length."""

    code = "embed_wrong_dimensions"


class EmbedRateLimited(EmbedUnavailable):
    """`details["retry_after"]` is in seconds, None where nobody knows."""

    code = "embed_rate_limited"


class EmbedTimedOut(EmbedUnavailable):
    code = "embed_timed_out"


class EmbedUnreachable(EmbedUnavailable):
    code = "embed_unreachable"


class EmbedTextRefused(EmbedError):
    """One of these texts gives no vector, whatever is done; `details["reason"]` is a TextFault."""

    code = "embed_text_refused"


class ChatError(GleaneryError):
    """No usable answer. Those that are `about_the_question` say nothing of the next question; others hold for all."""

    code = "chat_failed"
    about_the_question = False


class ChatKeyRefused(ChatError):
    code = "chat_key_refused"


class ChatQuotaSpent(ChatError):
    code = "chat_quota_spent"


class ChatModelUnknown(ChatError):
    code = "chat_model_unknown"


class ChatUnavailable(ChatError):
    """`details["retry_after"]` is in seconds, None when the server named no time."""

    code = "chat_unavailable"
    can_retry = True


class ChatRefused(ChatError):
    code = "chat_refused"
    about_the_question = True


class ChatTooLong(ChatError):
    """The question is longer than the model reads, or the answer longer than it may be."""

    code = "chat_too_long"
    about_the_question = True


class ChatMismatch(ChatError):
    """The answer has not the form that was asked for, or the server can't take a request of this form."""

    code = "chat_mismatch"
    about_the_question = True


class ShortcutError(GleaneryError):
    """Of an answer, `details["status"]` is the HTTP status. No message and no detail has the token or text of a story."""

    code = "shortcut_failed"


class ShortcutTokenMissing(ShortcutError):
    code = "shortcut_token_missing"


class ShortcutTokenRefused(ShortcutError):
    code = "shortcut_token_refused"


class ShortcutStoryGone(ShortcutError):
    code = "shortcut_story_gone"


class ShortcutMismatch(ShortcutError):
    code = "shortcut_mismatch"


class ShortcutUnavailable(ShortcutError):
    """`details["retry_after"]` is in seconds, None when no time was named."""

    code = "shortcut_unavailable"
    can_retry = True
