"""The secret of an installation: it signs webhook calls, and keys of kept pages are made with it."""

from __future__ import annotations

from gleanery.config import Settings
from gleanery.engine.webhooks import Secret, load_secret
from gleanery.store.base import Store

NAME = "webhook.secret"


async def installation_secret(settings: Settings, store: Store) -> Secret:
    """The one that is set; else that of the data folder, or where several machines share the store, what the first of them
    gave. Raises InvalidInput."""
    set_to = settings.webhook_secret.get_secret_value() if settings.webhook_secret else None
    own = load_secret(settings.data_dir, set_to)
    if set_to is not None or store.processes is None:
        return own
    return load_secret(settings.data_dir, await store.processes.common(NAME, own.text))
