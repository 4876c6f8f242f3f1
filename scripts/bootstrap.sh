# Sourced by ./berth and ./test with `root` set: makes the pinned toolchain and the packages of bun.lock be there and
# sets `tools`; `$tools/bun` is bun. Quiet when nothing is to do. Needs git and Node >= 20 with npm. Safe when run twice at once.
say() { printf 'berth: %s\n' "$1" >&2; }
die() { say "$1"; say "hint: $2"; exit 1; }
version=$(sed -n 's/.*"bun": *"\([0-9.]*\)".*/\1/p' "$root/package.json")
tools=$root/.toolchain/bun-$version
lock=$root/.toolchain/lock
current() { [ -x "$tools/bun" ] && cmp -s "$root/bun.lock" "$root/node_modules/.berth-lock"; }
if ! current; then
  mkdir -p "$root/.toolchain" 2>/dev/null && [ -w "$root/.toolchain" ] || die "cannot write $root/.toolchain" "make .toolchain and node_modules writable, or run it once as their owner"
  # The lock is a link that names its holder, so one whose holder is gone can be told from one in use.
  until ln -s "$$" "$lock" 2>/dev/null; do
    holder=$(readlink "$lock" 2>/dev/null || true)
    [ -n "$holder" ] && { [ -d "/proc/$holder" ] || kill -0 "$holder" 2>/dev/null; } || { [ "$(readlink "$lock" 2>/dev/null)" = "$holder" ] && rm -f "$lock"; }
    sleep 0.2
  done
  trap 'rm -f "$lock"' EXIT
  trap 'exit 130' INT TERM
  if [ ! -x "$tools/bun" ]; then
    command -v npm >/dev/null || die "npm is missing" "install Node.js 20 or newer with npm"
    say "fetching bun $version (once, about 100 MB)"
    npm install --prefix "$tools" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error "bun@$version" >&2 || die "npm could not install bun@$version" "check the network and the npm registry, then run it again"
    for bun in "$tools"/node_modules/@oven/*/bin/bun; do
      if "$bun" --version >/dev/null 2>&1; then ln -sfn "${bun#"$tools"/}" "$tools/bun"; break; fi
    done
    [ -x "$tools/bun" ] || die "no build of bun $version runs on $(uname -sm)" "Berth runs on Linux and macOS, x64 and arm64"
  fi
  if ! current; then
    say "installing packages (once)"
    (cd "$root" && "$tools/bun" install --frozen-lockfile --silent >&2) || die "the packages in bun.lock could not be installed" "check the network and that $root is writable, then run it again"
    cp "$root/bun.lock" "$root/node_modules/.berth-lock"
  fi
  rm -f "$lock"
  trap - EXIT INT TERM
fi
