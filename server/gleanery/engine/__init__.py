"""Task life: claiming, running, retrying, cancelling, telling. Knows no task type."""
