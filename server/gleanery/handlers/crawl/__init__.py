"""Tasks of type `crawl`: a URL becomes knowledge. `payload` → `handler` → `pipeline` (with `frontier`, `progress`)."""
