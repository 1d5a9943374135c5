# One image for all: `migrate` first, then `serve`. It runs as an unprivileged user on a read-only root file system;
# the only folder it writes to is /tmp, where batches lie while they are read. Make that a tmpfs.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN ["python", "-m", "venv", "/opt/evenkeel"]
RUN ["python", "-m", "venv", "/opt/builder"]
COPY requirements.lock requirements-build.lock ./
RUN ["/opt/evenkeel/bin/pip", "install", "--only-binary=:all:", "--require-hashes", "--requirement=requirements.lock"]
RUN ["/opt/builder/bin/pip", "install", "--only-binary=:all:", "--require-hashes", "--requirement=requirements-build.lock"]
COPY pyproject.toml README.md LICENSE ./
COPY alembic alembic
COPY service service
RUN ["/opt/builder/bin/python", "-m", "hatchling", "build", "--target=wheel", "--directory=dist"]
RUN ["/opt/evenkeel/bin/pip", "install", "--no-index", "--no-deps", "--find-links=dist", "evenkeel"]
RUN ["/opt/evenkeel/bin/pip", "uninstall", "--yes", "pip"]

FROM python:3.13-slim
RUN ["useradd", "--uid=10001", "--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin", "evenkeel"]
COPY --from=build /opt/evenkeel /opt/evenkeel
ENV PATH=/opt/evenkeel/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 EVENKEEL_SPOOL_DIR=/tmp
USER 10001:10001
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: a service whose database is away for a minute must not be killed for it. Ask /readyz before sending
# requests its way.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('EVENKEEL_PORT', '8000') + '/livez', timeout=2)"]
ENTRYPOINT ["evenkeel"]
CMD ["serve", "--host", "0.0.0.0"]
