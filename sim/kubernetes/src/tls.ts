/** Certificates for a server on loopback, made by openssl. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Tls {
  readonly cert: string
  readonly key: string
  /** Who signs certificates of clients: without one of its a connection is refused. */
  readonly clientCa?: string
}
export interface Made extends Tls { /** Signed by itself, for who asks. */ readonly client: { readonly cert: string; readonly key: string } }

export function createTls(): Made {
  const dir = mkdtempSync(join(tmpdir(), 'sim-kubernetes-tls-'))
  const make = (name: string, more: readonly string[]): { cert: string; key: string } => {
    const { exitCode, stderr } = Bun.spawnSync(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-keyout', join(dir, 'key'), '-out', join(dir, 'cert'), ...more])
    if (exitCode !== 0) throw new Error(`openssl ended with ${exitCode}: ${stderr.toString().slice(-400)}`)
    return { cert: readFileSync(join(dir, 'cert'), 'utf8'), key: readFileSync(join(dir, 'key'), 'utf8') }
  }
  try {
    return { ...make('sim-kubernetes', ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']), client: make('sim-client', []) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
