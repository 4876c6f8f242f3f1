/** A certificate of loopback, for a server that is to speak as those do that people use. Made by openssl. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'

export interface Certificate {
  /** Files. */
  readonly cert: string
  readonly key: string
  /** The environment in which git and the runtime believe it. */
  readonly trust: Readonly<Record<string, string>>
  remove(): void
}

export function makeCertificate(): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-tls-'))
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const remove = (): void => { rmSync(dir, { recursive: true, force: true }) }
  const { exitCode, stderr } = Bun.spawnSync(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert])
  if (exitCode === 0) return { cert, key, trust: { GIT_SSL_CAINFO: cert, NODE_EXTRA_CA_CERTS: cert }, remove }
  remove()
  throw new BerthError('internal', `openssl made no certificate: ${stderr.toString().slice(-300)}`)
}
