/** What a list of hosts is written in. Without a schema, for pages that load little. */

/** `example.com`, `*.example.com`, either with a port, an address with a port, or `@group`. */
export const EGRESS_RULE = /^(@[a-z]+|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?(:\d{1,5})?|\[[0-9a-f:.]+\]:\d{1,5})$/
export const EGRESS_RULE_LENGTH = 260
export const EGRESS_GROUPS: Readonly<Record<string, readonly string[]>> = {
  npm: ['registry.npmjs.org', 'registry.yarnpkg.com'],
  pypi: ['pypi.org', 'files.pythonhosted.org'],
  debian: ['deb.debian.org', 'security.debian.org'],
  ubuntu: ['archive.ubuntu.com', 'security.ubuntu.com', 'ports.ubuntu.com'],
  github: ['github.com', 'api.github.com', 'codeload.github.com', '*.githubusercontent.com', 'ghcr.io'],
  go: ['proxy.golang.org', 'sum.golang.org'],
  rust: ['crates.io', 'index.crates.io', 'static.crates.io', 'static.rust-lang.org'],
  ruby: ['rubygems.org', 'index.rubygems.org'],
  docker: ['registry-1.docker.io', 'auth.docker.io', 'production.cloudflare.docker.com'],
}
/** What a new list begins with. */
export const EGRESS_DEFAULT: readonly string[] = ['@npm', '@pypi', '@debian', '@github']
