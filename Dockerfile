# docker build -t shatterscope .
# docker run --rm -p 8050:8050 -v shatterscope-state:/state shatterscope
#
# Build arguments
#   TORCH            cpu (default): the server computes on the processor.
#                    cuda: it uses the GPU when the container is given one (docker run --gpus all).
#   TORCH_INDEX_URL  package index torch alone is taken from; empty: pip's own default. On x86-64 Linux the default index serves
#                    the CUDA build, several GB, which runs on a CPU too. For a small CPU image give the address of PyTorch's CPU
#                    index (see pytorch.org, "Get started"), for another CUDA version that version's.
#   PYTHON           version of the base image, 3.11 or newer.
ARG PYTHON=3.11
ARG TORCH=cpu

# --- The environment: built once, copied whole -----------------------------------------------------------------------
FROM python:${PYTHON}-slim AS builder
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /srv/shatterscope
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH

# Dependencies before sources: a change in the code does not install torch again.
COPY pyproject.toml setup.py constraints.txt ./
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
        pip install --no-deps --index-url "$TORCH_INDEX_URL" --constraint constraints.txt torch; \
    fi
COPY README.md LICENSE ./
COPY backend/__init__.py backend/
COPY app/__init__.py app/
COPY wire/__init__.py wire/
RUN pip install --constraint constraints.txt --editable .

COPY backend backend
COPY app app
COPY wire wire
COPY frontend_assets frontend_assets
COPY models_cache models_cache
COPY lessons lessons
# Again without dependencies, so that the packages known are those of the sources. The server's user may read all and write nothing here,
# hence compiled beforehand.
RUN pip install --no-deps --editable . && python -m compileall -q app backend wire && chmod -R a+rX .

# --- What runs -------------------------------------------------------------------------------------------------------
FROM python:${PYTHON}-slim AS runtime
RUN useradd --create-home --uid 10001 shatterscope \
    && install --directory --owner shatterscope --group shatterscope /state
COPY --from=builder /venv /venv
COPY --from=builder /srv/shatterscope /srv/shatterscope
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SHATTERSCOPE_STATE_DIR=/state \
    SHATTERSCOPE_PORT=8050
WORKDIR /state
USER 10001
VOLUME /state
EXPOSE 8050
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['SHATTERSCOPE_PORT'] + '/api/v1/health', timeout=4)"]
ENTRYPOINT ["shatterscope"]
CMD ["serve", "--host", "0.0.0.0"]

# --- TORCH chooses the last stage ------------------------------------------------------------------------------------
FROM runtime AS on-cpu
ENV SHATTERSCOPE_DEVICE=cpu

FROM runtime AS on-cuda
ENV SHATTERSCOPE_DEVICE=auto

# hadolint ignore=DL3006
FROM on-${TORCH}
