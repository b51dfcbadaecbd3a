# One image for our services of docker-compose.yml: the Ray head, the nodes with shards and readers, gateways, bus-in.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    RAY_worker_niceness=0 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_task_events_report_interval_ms=0 \
    RAY_AUTH_MODE=token

RUN useradd --create-home --uid 10001 croupier && mkdir -p /var/lib/croupier && chown croupier /var/lib/croupier
WORKDIR /app

COPY pyproject.toml README.md LICENSE ./
COPY engine ./engine
COPY snapshots ./snapshots
COPY actors ./actors
COPY feeds ./feeds
COPY gateway ./gateway
COPY croupier ./croupier
COPY catalog ./catalog
COPY reports ./reports
RUN pip install '.[reports]'

USER croupier
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=5 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
CMD ["croupier", "up", "--host", "0.0.0.0", "--port", "8000", "--auth", "hmac"]
