/** What leads programs to the hosts that the server puts a secret into requests for. */

/** Programs that ask for their registry by a variable. */
const KNOWN: Readonly<Record<string, (url: string) => Readonly<Record<string, string>>>> = {
  // An address of this machine has no place in a lock file.
  npm: (url) => ({ npm_config_registry: `${url}/`, npm_config_replace_registry_host: 'always', npm_config_omit_lockfile_registry_resolved: 'true' }),
  pypi: (url) => ({ PIP_INDEX_URL: `${url}/simple` }),
}

/** `BERTH_INJECT_NPM` for `npm`, and what its programs read. */
export function injectEnvironment(names: readonly string[], injectUrl: string): Record<string, string> {
  return Object.assign({}, ...names.map((name) => ({ [`BERTH_INJECT_${name.toUpperCase().replaceAll('-', '_')}`]: `${injectUrl}/${name}`, ...KNOWN[name]?.(`${injectUrl}/${name}`) }))) as Record<string, string>
}
