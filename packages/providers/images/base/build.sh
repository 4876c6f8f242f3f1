#!/bin/sh
# Writes a Debian root filesystem (tar) with the workspace's packages to the file named by $1, from the package
# sources of this host: the base of the workspace image where no registry can be reached. Needs mmdebstrap. $MORE: further
# packages, with commas between them.
set -eu
out=$1
packages=git,tmux,openssh-server,openssh-client,ca-certificates,curl,procps,sudo,iproute2,less,ripgrep,jq,zstd,xz-utils,unzip,python3${MORE:+,$MORE}
mmdebstrap --variant=minbase --format=tar --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$out.part"
mv "$out.part" "$out"
