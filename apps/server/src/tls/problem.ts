/** What an authority refused, in words that say what to do. */
export class AcmeProblem extends Error {
  override readonly name = 'AcmeProblem'
  readonly kind: string
  readonly hint: string
  readonly retryAfterMs: number | null
  constructor(kind: string, message: string, options: { hint?: string; retryAfterMs?: number | null; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.kind = kind
    this.hint = options.hint ?? HINTS[kind] ?? 'see the log of the server'
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** By the last word of `urn:ietf:params:acme:error:…`, and our own for what happens before. */
const HINTS: Readonly<Record<string, string>> = {
  dns: 'let the name have a DNS record that leads to this host, and no DNSSEC error',
  connection: 'the authority must reach port 80 of this host by that name; or set tls.acme.dns',
  unauthorized: 'what the authority saw is not what was put there: another server answers by that name, or an old record is still served',
  incorrectResponse: 'another server answers by that name, or an old record is still served',
  rateLimited: 'too many were asked for; try with `directory: letsencrypt-staging` until all is set up',
  caa: 'a CAA record of the domain forbids this authority: allow it, or use another one',
  rejectedIdentifier: 'this authority gives no certificate for that name: use a public one of your own',
  unsupportedIdentifier: 'this authority gives no certificate for that name: use a public one of your own',
  externalAccountRequired: 'this authority knows its customers: set tls.acme.externalAccount',
  userActionRequired: 'the authority has new terms: see its page',
  invalidContact: 'correct tls.acme.email',
  unsupportedContact: 'correct tls.acme.email',
  malformed: 'is tls.acme.directory the address of an ACME directory?',
  serverInternal: 'the authority has trouble: it is asked again',
  unreachable: 'is there a way to it from here, and is tls.acme.directory right?',
  dnsHook: 'the TXT record could not be written: see what the command or Cloudflare said',
  late: 'it took too long: it is tried again',
}
