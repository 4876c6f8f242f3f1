#!/bin/sh
# Writes a Debian root filesystem (tar) with a Docker engine, its command line and compose to the file named by $1: what
# `--docker` runs beside a machine where no registry can be reached. Needs mmdebstrap. The suite is the oldest one whose
# compose is the plugin.
set -eu
out=$1
mmdebstrap --variant=minbase --format=tar --include=docker.io,docker-cli,docker-compose,iptables,ca-certificates \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  trixie "$out.part"
mv "$out.part" "$out"
