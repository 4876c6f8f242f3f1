/**
 * Files that hold secrets, told by their names. Those that git does not track stay at home unless they are named with
 * `--include`: an agent could read them, and so could whoever reads what the agent writes.
 */
const NAMES: readonly RegExp[] = [
  /^\.env(\..+)?$/, /^\.envrc$/, /^\.netrc$/, /^_netrc$/, /^\.npmrc$/, /^\.pypirc$/, /^\.git-credentials$/, /^\.pgpass$/, /^\.my\.cnf$/, /^\.htpasswd$/,
  /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/, /\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg)$/, /^credentials(\.json|\.ya?ml|\.toml)?$/, /^\.credentials\.json$/,
  /^secrets?(\.json|\.ya?ml|\.toml|\.env)$/, /^service[-_]account.*\.json$/, /^client_secret.*\.json$/, /\.tfvars(\.json)?$/, /^terraform\.tfstate(\.backup)?$/, /^kubeconfig$/, /^\.dockercfg$/, /^wallet\.dat$/,
]
/** `.docker/config.json` and its like: the name alone says nothing. */
const PATHS: readonly RegExp[] = [/(^|\/)\.(ssh|aws|gnupg|azure|kube|docker|claude|codex)\//, /(^|\/)\.config\/(gcloud|gh)\//]
/** Made to be shared. */
const EXAMPLES = /\.(example|sample|template|dist|defaults?)$/i

export function isSecretName(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (EXAMPLES.test(name)) return false
  return NAMES.some((pattern) => pattern.test(name.toLowerCase())) || PATHS.some((pattern) => pattern.test(path))
}

/** Which of these files travel; `include` holds paths or directories the person named. */
export function splitSecrets(paths: readonly string[], include: readonly string[]): { readonly sent: string[]; readonly kept: string[] } {
  const wanted = include.map((path) => path.replace(/^\.\//, '').replace(/\/+$/, ''))
  const exactly = new Set(wanted)
  const sent: string[] = []
  const kept: string[] = []
  for (const path of paths) {
    const stays = isSecretName(path) && !exactly.has(path) && !wanted.some((prefix) => path.startsWith(`${prefix}/`))
    ;(stays ? kept : sent).push(path)
  }
  return { sent, kept }
}
