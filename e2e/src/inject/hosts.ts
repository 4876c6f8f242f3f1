/** Hosts over TLS that let nobody in without their secret, as a company has them: registries, an API, a store. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Seen { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }
export interface Host { readonly name: string; readonly seen: readonly Seen[]; close(): Promise<void> }
export interface Certificate { readonly file: string; readonly tls: { readonly cert: string; readonly key: string }; remove(): void }

/** Of localhost, and believed by who reads `file`. */
export function localCertificate(): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'berth-hosts-'))
  chmodSync(dir, 0o755)
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const made = Bun.spawnSync(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stderr: 'pipe' })
  if (made.exitCode !== 0) throw new Error(made.stderr.toString())
  return { file: cert, tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }, remove: () => { rmSync(dir, { recursive: true, force: true }) } }
}

/** `may`: whether that request has its secret. Who has not is told 401. */
export function startHost(tls: Certificate['tls'] | null, may: (request: Seen) => boolean | Promise<boolean>, answer: (request: Seen, url: string) => Response): Host {
  const seen: Seen[] = []
  const server: Bun.Server<undefined> = Bun.serve({
    port: 0, hostname: '127.0.0.1', ...(tls === null ? {} : { tls }),
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const one: Seen = { method: request.method, path: pathname + search, headers: Object.fromEntries(request.headers), body: await request.text() }
      seen.push(one)
      return (await may(one)) ? answer(one, `https://localhost:${server.port}`) : new Response('who are you?\n', { status: 401 })
    },
  })
  return { name: `localhost:${server.port}`, seen, close: async () => { await server.stop(true) } }
}

/** One package, whose file is named by the registry's own address. */
export function npmRegistry(tarball: Uint8Array): (request: Seen, url: string) => Response {
  return ({ path }, url) => {
    if (path === '/left-thing') return Response.json({ name: 'left-thing', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { name: 'left-thing', version: '1.0.0', dist: { tarball: `${url}/left-thing/-/left-thing-1.0.0.tgz`, integrity: `sha512-${new Bun.CryptoHasher('sha512').update(tarball).digest('base64')}` } } } }, { headers: { 'content-type': 'application/vnd.npm.install-v1+json' } })
    if (path === '/left-thing/-/left-thing-1.0.0.tgz') return new Response(tarball as Uint8Array<ArrayBuffer>, { headers: { 'content-type': 'application/octet-stream' } })
    return new Response('nothing here\n', { status: 404 })
  }
}
export function pythonIndex(wheel: Uint8Array): (request: Seen, url: string) => Response {
  return ({ path }, url) => {
    if (path === '/simple/tiny-thing/') return new Response(`<!doctype html><a href="${url}/packages/tiny_thing-1.0-py3-none-any.whl">tiny_thing-1.0-py3-none-any.whl</a>`, { headers: { 'content-type': 'text/html' } })
    if (path === '/packages/tiny_thing-1.0-py3-none-any.whl') return new Response(wheel as Uint8Array<ArrayBuffer>)
    return new Response('nothing here\n', { status: 404 })
  }
}

/** The package's file, made by the programs that make them. */
export function npmTarball(): Uint8Array {
  return made((dir) => {
    Bun.spawnSync(['mkdir', join(dir, 'package')])
    writeFileSync(join(dir, 'package/package.json'), JSON.stringify({ name: 'left-thing', version: '1.0.0', main: 'index.js' }))
    writeFileSync(join(dir, 'package/index.js'), "module.exports = 'left is here'\n")
    return ['tar', '-czf', 'out', 'package']
  })
}
export function pythonWheel(): Uint8Array {
  const files = { 'tiny_thing.py': "word = 'tiny is here'\n", 'tiny_thing-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n', 'tiny_thing-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' }
  const record = [...Object.keys(files), 'tiny_thing-1.0.dist-info/RECORD'].map((name) => `${name},,`).join('\n')
  return made(() => ['python3', '-c', `import zipfile,json\nwith zipfile.ZipFile('out','w') as z:\n  for n,t in json.loads(${JSON.stringify(JSON.stringify({ ...files, 'tiny_thing-1.0.dist-info/RECORD': `${record}\n` }))}).items(): z.writestr(n,t)`])
}
function made(how: (dir: string) => string[]): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'berth-package-'))
  try {
    const done = Bun.spawnSync(how(dir), { cwd: dir, stderr: 'pipe' })
    if (done.exitCode !== 0) throw new Error(done.stderr.toString())
    return readFileSync(join(dir, 'out'))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
