/** A certificate with its key, read from PEM, and what follows from it. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'

export interface Certificate {
  readonly names: readonly string[]
  readonly issuer: string
  readonly notBefore: number
  readonly notAfter: number
  readonly context: SecureContext
}

/** `pem`: the leaf first, then its chain. Throws in words when the two do not belong together. */
export function readCertificate({ pem, key }: { readonly pem: string; readonly key: string }): Certificate {
  const leaf = new X509Certificate(pem)
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is another certificate\'s')
  return {
    names: namesIn(leaf.subjectAltName ?? ''),
    issuer: /(?:^|\n)CN=(.+)/.exec(leaf.issuer)?.[1] ?? 'unknown',
    notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo),
    context: createSecureContext({ cert: pem, key, minVersion: 'TLSv1.2' }),
  }
}

function namesIn(subjectAltName: string): string[] {
  return subjectAltName.split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4).toLowerCase()] : []))
}

/** A wildcard stands for one label. */
export function isFor({ names }: Pick<Certificate, 'names'>, host: string): boolean {
  const parent = host.slice(host.indexOf('.'))
  return names.includes(host) || (host.includes('.') && names.includes(`*${parent}`))
}

/** When two thirds of its life are over: thirty days before the end of one that lives for ninety. */
export function renewAt({ notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3
}
