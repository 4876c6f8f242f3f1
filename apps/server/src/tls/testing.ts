/** A real ACME authority (pebble, with the DNS server of its tests), for tests. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '@berth/testkit/free-ports'

export interface Pebble {
  readonly directory: string
  /** Of its own address, as a file. */
  readonly caFile: string
  readonly dnsServer: string
  /** `add|remove <name> <value>`, as `--dns-command` runs it. */
  readonly dnsCommand: readonly string[]
  /** What its certificates end in, as a file. */
  readonly rootFile: string
  readonly dir: string
  /** What it wrote so far. */
  log(): string
  /** Again with other settings, in the same place and with the same keys of its own. */
  restart(over: { validitySeconds?: number; challengesValid?: boolean }): Promise<void>
  stop(): Promise<void>
}

/** A key and a certificate by openssl; `by`: signed by that authority instead of by itself. */
export async function makeCertificate(dir: string, name: string, options: { names: readonly string[]; days?: number; by?: string }): Promise<{ cert: string; key: string }> {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)]
  const subject = options.names.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`)).join(',')
  const by = options.by === undefined ? [] : ['-CA', join(dir, `${options.by}.pem`), '-CAkey', join(dir, `${options.by}.key`)]
  const extensions = options.names.length === 0 ? [] : ['-addext', `subjectAltName=${subject}`]
  await run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', String(options.days ?? 30), '-subj', `/CN=${name}`, '-keyout', key, '-out', cert, ...extensions, ...by])
  return { cert, key }
}

export async function startPebble({ httpPort }: { httpPort: number }): Promise<Pebble> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-pebble-'))
  const [acmePort, managePort, dnsPort, controlPort, tlsPort] = freePorts(5) as [number, number, number, number, number]
  await makeCertificate(dir, 'ca', { names: [] })
  // Not by the authority's own extension file: openssl 3 signs with `-CA` since 3.0 only, so the address is its own authority.
  const own = await makeCertificate(dir, 'own', { names: ['localhost', '127.0.0.1'] })
  const children: Bun.Subprocess[] = []
  const spawn = (argv: readonly string[], env: Record<string, string> = {}) => {
    const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: Bun.file(join(dir, `${argv[0]}.log`)), stderr: 'inherit', env: { ...process.env, ...env } })
    children.push(child)
    return child
  }
  spawn(['pebble-challtestsrv', '-dns01', `127.0.0.1:${dnsPort}`, '-http01', '', '-https01', '', '-tlsalpn01', '', '-management', `127.0.0.1:${controlPort}`, '-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''])
  const start = async (over: { validitySeconds?: number; challengesValid?: boolean }): Promise<Bun.Subprocess> => {
    await writeFile(join(dir, 'config.json'), JSON.stringify({ pebble: {
      listenAddress: `127.0.0.1:${acmePort}`, managementListenAddress: `127.0.0.1:${managePort}`, certificate: own.cert, privateKey: own.key,
      httpPort, tlsPort, ocspResponderURL: '', externalAccountBindingRequired: false, ...(over.validitySeconds === undefined ? {} : { certificateValidityPeriod: over.validitySeconds }),
    } }))
    const child = spawn(['pebble', '-config', join(dir, 'config.json'), '-dnsserver', `127.0.0.1:${dnsPort}`], { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20', ...(over.challengesValid === true ? { PEBBLE_VA_ALWAYS_VALID: '1' } : {}) })
    await answers(`https://localhost:${managePort}/roots/0`)
    await writeFile(join(dir, 'root.pem'), await (await fetch(`https://localhost:${managePort}/roots/0`, { tls: { rejectUnauthorized: false } })).text())
    return child
  }
  let pebble = await start({})
  await writeFile(join(dir, 'dns.sh'), `#!/bin/sh
case "$1" in add) path=set-txt ;; *) path=clear-txt ;; esac
exec curl -fsS -d "{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}" "http://127.0.0.1:${controlPort}/$path"
`, { mode: 0o755 })
  return {
    directory: `https://localhost:${acmePort}/dir`, caFile: own.cert, dnsServer: `127.0.0.1:${dnsPort}`, dnsCommand: [join(dir, 'dns.sh')], rootFile: join(dir, 'root.pem'), dir,
    log: () => Bun.spawnSync(['cat', join(dir, 'pebble.log')]).stdout.toString(),
    async restart(over) {
      pebble.kill()
      await pebble.exited
      pebble = await start(over)
    },
    async stop() {
      for (const child of children) child.kill()
      await Promise.all(children.map(({ exited }) => exited))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url, { tls: { rejectUnauthorized: false } }).catch(() => null)
    if (answer?.ok === true) return
    if (tries > 200) throw new Error(`${url} does not answer`)
    await Bun.sleep(25)
  }
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new Error(`${argv.join(' ')}: ${said}`)
}

export interface Answer { readonly code: number; readonly status: string; readonly body: string; readonly headers: string; readonly said: string }
/** curl, which verifies the chain against the root; every name leads to this host. */
export async function curl(url: string, options: { root: string; args?: readonly string[] }): Promise<Answer> {
  const { hostname, port, protocol } = new URL(url)
  const at = port === '' ? (protocol === 'https:' ? '443' : '80') : port
  const child = Bun.spawn(['curl', '-sS', '-i', '--max-time', '30', '--cacert', options.root, '--resolve', `${hostname}:${at}:127.0.0.1`, ...(options.args ?? []), url], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, said, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  const split = out.indexOf('\r\n\r\n')
  const headers = out.slice(0, Math.max(split, 0))
  return { code, said, headers, body: out.slice(split + 4), status: headers.split(' ')[1] ?? '' }
}
