#!/bin/sh
# Makes the pinned toolchain and the dependencies be there, and prints the path of bun. Quiet when nothing is to do.
# Needs git and Node >= 20 with npm. Safe when run twice at once: everything is made aside and renamed into place.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
version=$(sed -n 's/.*"bun": "\([0-9.]*\)".*/\1/p' "$root/package.json" | head -n 1)
bun="$root/.toolchain/bun-$version/bin/bun"
say() { printf '%s\n' "$*" >&2; }

if [ ! -x "$bun" ]; then
  command -v npm >/dev/null 2>&1 || { say "berth: npm is not installed; it fetches the pinned toolchain"; say "hint: install Node.js 20 or newer (on Debian: apt-get install nodejs npm)"; exit 5; }
  say "berth: fetching the toolchain (bun $version), once"
  mkdir -p "$root/.toolchain" || { say "berth: cannot write to $root"; say "hint: clone the repository to a place you may write to"; exit 1; }
  work=$(mktemp -d "$root/.toolchain/.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if ! npm install --prefix "$work" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error "bun@$version" >"$work/log" 2>&1; then
    say "berth: the toolchain could not be fetched"; tail -n 5 "$work/log" >&2; say "hint: check the network and your npm configuration, then run the same command again"; exit 5
  fi
  found=
  for candidate in "$work"/node_modules/@oven/*/bin/bun; do
    # The package brings builds for several CPUs; the first that runs here is the right one.
    if [ "$("$candidate" --version 2>/dev/null)" = "$version" ]; then found=$candidate; break; fi
  done
  [ -n "$found" ] || { say "berth: no build of bun $version runs on this machine ($(uname -sm))"; say "hint: Linux with glibc >= 2.17 or macOS, on x64 or arm64"; exit 1; }
  mkdir -p "$work/ready/bin"
  ln "$found" "$work/ready/bin/bun" 2>/dev/null || cp "$found" "$work/ready/bin/bun"
  mv "$work/ready" "$root/.toolchain/bun-$version" 2>/dev/null || [ -x "$bun" ]
fi

if ! cmp -s "$root/bun.lock" "$root/node_modules/.berth-lock"; then
  say "berth: installing dependencies"
  log=$(mktemp)
  if ! (cd "$root" && "$bun" install --frozen-lockfile) >"$log" 2>&1; then
    say "berth: the dependencies could not be installed"; tail -n 8 "$log" >&2; rm -f "$log"; say "hint: check the network, then run the same command again"; exit 5
  fi
  rm -f "$log"
  cp "$root/bun.lock" "$root/node_modules/.berth-lock.$$" && mv "$root/node_modules/.berth-lock.$$" "$root/node_modules/.berth-lock"
fi
printf '%s\n' "$bun"
