FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /opt/triagent
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
RUN uv venv .venv && uv pip sync --python .venv/bin/python --require-hashes requirements/base.lock
COPY domain domain
COPY tools tools
COPY knowledge knowledge
COPY agent agent
COPY workflows workflows
COPY service service
COPY evals evals
COPY lab lab
RUN uv pip install --python .venv/bin/python --no-deps .

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends git ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 triagent
COPY --from=build /opt/triagent/.venv /opt/triagent/.venv
ENV PATH=/opt/triagent/.venv/bin:$PATH
USER triagent
WORKDIR /var/lib/triagent
EXPOSE 8080
ENTRYPOINT ["triagent"]
CMD ["up"]
