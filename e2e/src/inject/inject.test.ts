/** Secrets that are put into requests on the way: real npm and pip at registries that want a token, AWS's signature, any header; and what a hostile agent makes of it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { Hash } from '@smithy/hash-node'
import { SignatureV4 } from '@smithy/signature-v4'
import { COMMAND, eventually, startProduct, type Product } from '../product.ts'
import { secretsFound } from '../secret-search.ts'
import { localCertificate, npmRegistry, npmTarball, pythonIndex, pythonWheel, startHost, type Certificate, type Host, type Seen } from './hosts.ts'

const SECRETS = { npm: 'npm_canary-51c07aa2be', pypi: 'pypi-canary-9d4417c0ee', api: 'api-canary-0be3f6a912', aws: 'AwsCanary/7bd10c+42e9' } as const
const AWS_KEY = 'AKIACANARYEXAMPLE'
const REGION = 'eu-central-1'
let certificate: Certificate
let product: Product
const hosts = {} as Record<'npm' | 'pypi' | 'api' | 'store' | 'evil', Host>

/** As AWS would: signed anew by its own program, and compared. */
async function isSigned({ method, path, headers, body }: Seen): Promise<boolean> {
  const at = headers['x-amz-date'] ?? ''
  const names = (/SignedHeaders=([^,]+),/.exec(headers['authorization'] ?? '')?.[1] ?? '').split(';')
  const sums = new Bun.CryptoHasher('sha256').update(body).digest('hex')
  const { pathname, searchParams, host } = new URL(`https://${headers['host'] ?? ''}${path}`)
  const signer = new SignatureV4({ credentials: { accessKeyId: AWS_KEY, secretAccessKey: SECRETS.aws }, region: REGION, service: 's3', sha256: Hash.bind(null, 'sha256') as never, uriEscapePath: false })
  const signed = await signer.sign({ method, protocol: 'https:', hostname: host, path: pathname, query: Object.fromEntries(searchParams), headers: Object.fromEntries(names.map((name) => [name, headers[name] ?? ''])), body }, { signingDate: new Date(at.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) })
  return headers['x-amz-content-sha256'] === sums && signed.headers['authorization'] === headers['authorization']
}
async function put(name: string, host: Host, secret: string, ...words: string[]): Promise<void> {
  const child = Bun.spawn([...COMMAND, 'inject', 'add', name, '--host', host.name, ...words], { env: product.env, stdin: Buffer.from(`${secret}\n`), stdout: 'ignore', stderr: 'inherit' })
  expect(await child.exited).toBe(0)
}
const inside = (script: string, exit: number | null = 0) => product.cli(['ssh', 'demo', script], { exit })
const ask = async (what: string, more = ''): Promise<string> => (await inside(`curl -s --noproxy "*" -m 20 --path-as-is ${more} ${what}`, null)).stdout

beforeAll(async () => {
  certificate = localCertificate()
  const { tls } = certificate
  hosts.npm = startHost(tls, ({ headers }) => headers['authorization'] === `Bearer ${SECRETS.npm}`, npmRegistry(npmTarball()))
  hosts.pypi = startHost(tls, ({ headers }) => headers['authorization'] === `Basic ${btoa(`__token__:${SECRETS.pypi}`)}`, pythonIndex(pythonWheel()))
  hosts.evil = startHost(null, () => true, () => new Response('evil\n'))
  hosts.api = startHost(tls, ({ headers }) => headers['x-api-key'] === SECRETS.api, ({ path, headers }) => {
    if (path === '/away') return new Response(null, { status: 302, headers: { location: `http://${hosts.evil.name.replace('localhost', '127.0.0.1')}/taken?key=${SECRETS.api}` } })
    if (path === '/within') return new Response(null, { status: 302, headers: { location: '/echo' } })
    // A host that says what it was told, and gives any part of it that is asked for.
    if (path === '/parts') {
      const said = `told: ${headers['x-api-key'] ?? ''} end`
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '') ?? []
      return from === undefined ? new Response(said) : new Response(said.slice(Number(from), Number(to) + 1), { status: 206 })
    }
    return Response.json({ path, headers }, { headers: { 'x-told': `you said ${headers['x-api-key'] ?? ''}` } })
  })
  hosts.store = startHost(tls, isSigned, ({ method, path, body }) => new Response(`${method} ${path} ${body}`))
  product = startProduct({ NODE_EXTRA_CA_CERTS: certificate.file })
  await product.cli(['provider', 'setup', 'local'])
  await put('npm', hosts.npm, SECRETS.npm)
  await put('pypi', hosts.pypi, btoa(`__token__:${SECRETS.pypi}`), '--template', 'Basic {secret}')
  await put('api', hosts.api, SECRETS.api, '--header', 'X-Api-Key')
  await put('store', hosts.store, SECRETS.aws, '--aws-key', AWS_KEY, '--region', REGION, '--service', 's3')
  await product.cli(['up', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'demo', '--no-open', '-y'])
}, 120_000)
afterAll(async () => {
  await product?.close()
  for (const host of Object.values(hosts)) await host.close()
  certificate?.remove()
}, 60_000)

test('npm installs from a registry that wants a token, and its lock file names no address of this machine', async () => {
  expect((await fetch(`https://${hosts.npm.name}/left-thing`, { tls: { rejectUnauthorized: false } })).status).toBe(401)
  const { stdout } = await inside('mkdir -p /tmp/n && cd /tmp/n && npm init -y >/dev/null && npm install --no-audit --no-fund --no-update-notifier left-thing >/dev/null && node -p "require(\'left-thing\')" && cat package-lock.json')
  expect(stdout).toStartWith('left is here\n')
  expect(stdout).not.toContain('127.0.0.1')
  // With a lock file from elsewhere, which names the registry itself.
  const again = await inside(`cd /tmp/n && rm -rf node_modules && sed -i 's#"integrity"#"resolved": "https://${hosts.npm.name}/left-thing/-/left-thing-1.0.0.tgz", "integrity"#' package-lock.json && npm ci --no-audit --no-fund --no-update-notifier --cache /tmp/other >/dev/null && node -p "require('left-thing')"`)
  expect(again.stdout).toBe('left is here\n')
}, 120_000)

test('pip installs from an index that wants a password', async () => {
  const { stdout } = await inside('python3 -m pip install --quiet --no-cache-dir --disable-pip-version-check --break-system-packages --target /tmp/p tiny-thing && PYTHONPATH=/tmp/p python3 -c "import tiny_thing; print(tiny_thing.word)"')
  expect(stdout).toBe('tiny is here\n')
}, 120_000)

test('requests to AWS are signed as its own program signs them, whatever the workspace had signed', async () => {
  const stale = '-H "authorization: AWS4-HMAC-SHA256 Credential=mine" -H "x-amz-date: 20200101T000000Z" -H "x-amz-security-token: mine"'
  expect(await ask('"$BERTH_INJECT_STORE/bucket/some%20(file)?list-type=2&prefix=a%2Fb"', stale)).toBe('GET /bucket/some%20%28file%29?list-type=2&prefix=a%2Fb ')
  expect(await ask('"$BERTH_INJECT_STORE/bucket/key"', `${stale} -X PUT -H "x-amz-meta-of: a  b" -H "content-type: text/plain" -d "what it says"`)).toBe('PUT /bucket/key what it says')
  expect(await ask('"$BERTH_INJECT_STORE/bucket/key"', '-X PUT -H "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD" -d x')).toContain('cannot be signed here')
})

test('a header is put in by the server alone, and what comes back holds no secret', async () => {
  const answer = await ask('"$BERTH_INJECT_API/echo"', '-D - -H "X-Api-Key: mine" -H "cookie: a=b" -H "authorization: mine" -H "X-Berth-Gateway: http://mine" -H "connection: x-api-key"')
  expect(answer).toContain(`x-told: you said ${'*'.repeat(SECRETS.api.length)}`)
  expect(answer).toContain(`"x-api-key":"${'*'.repeat(SECRETS.api.length)}"`)
  expect(answer).not.toContain('mine')
  expect(answer).not.toContain('a=b')
})

test('what comes back in parts, or to an older HTTP, holds no secret either', async () => {
  const parts = await inside('for at in 0 8 16 24; do curl -s --noproxy "*" -m 20 -H "If-Range: x" -r $at-$((at+7)) "$BERTH_INJECT_API/parts"; echo; done', null)
  for (let at = 0; at + 6 <= SECRETS.api.length; at++) expect(parts.stdout).not.toContain(SECRETS.api.slice(at, at + 6))
  expect(parts.stdout.split('\n')[0]).toBe(`told: ${'*'.repeat(SECRETS.api.length)} end`)
  const old = await ask('"$BERTH_INJECT_API/parts"', '--http1.0 -D -')
  expect(old).toContain(`told: ${'*'.repeat(SECRETS.api.length)} end`)
  for (const host of ['Host;', 'Host: ', `Host: ${hosts.api.name}`, `Host: @${hosts.evil.name}`]) expect(await ask('"$BERTH_INJECT_API/parts"', `--http1.0 -H "${host}"`)).not.toContain(SECRETS.api)
  expect(hosts.evil.seen.length).toBe(0)
}, 60_000)

test('no address leads the secret to another host', async () => {
  const before = hosts.evil.seen.length
  const evil = hosts.evil.name.replace('localhost', '127.0.0.1')
  for (const path of [`//${evil}/x`, `/@${evil}/x`, `/..//${evil}/x`, `/%2f%2f${evil}/x`, `/\\\\${evil}/x`, `/http://${evil}/x`, `:${evil.split(':')[1]}/x`, `.${evil}/x`, `@${evil}/x`, `/%0d%0aHost:%20${evil}/x`, '/x%23@a', '/?@a', `/../${'npm'}/left-thing`]) {
    const url = `"$BERTH_INJECT_API${path}"`
    await ask(url)
    await ask(url, `-H "X-Forwarded-Host: ${evil}"`)
  }
  await ask('"$BERTH_INJECT_API/x"', `--request-target "http://${evil}/x"`)
  expect(await ask('"$BERTH_INJECT_API/x"', `-H "Host: ${evil}"`)).toBe('not found\n')
  expect(hosts.evil.seen.length).toBe(before)
  for (const { headers } of hosts.api.seen) expect(headers['host']).toBe(hosts.api.name)
  // What has a path of its own has a secret of its own.
  expect(hosts.npm.seen.every(({ headers }) => JSON.stringify(headers).includes(SECRETS.api) === false)).toBe(true)
})

test('a redirect within the host is followed by whoever asked; one to another host has no secret in it', async () => {
  expect(await ask('"$BERTH_INJECT_API/within"', '-L')).toContain('"path":"/echo"')
  const before = hosts.evil.seen.length
  const away = await ask('"$BERTH_INJECT_API/away"', '-D -')
  expect(away).toContain(`Location: http://${hosts.evil.name.replace('localhost', '127.0.0.1')}/taken?key=${'*'.repeat(SECRETS.api.length)}`)
  expect(hosts.evil.seen.length).toBe(before)
})

test('the secrets are nowhere inside', async () => {
  expect(await secretsFound(inside, ...Object.values(SECRETS))).toEqual([])
}, 60_000)

test('in a container, as its user and as root, the secrets are nowhere inside, and go to no other host', async () => {
  await product.cli(['provider', 'setup', 'docker'])
  for (const words of [['--name', 'boxed'], ['--name', 'rooted', '--sudo']]) await product.cli(['up', '--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000', ...words, '--no-open', '-y'])
  const evil = hosts.evil.name.replace('localhost', '127.0.0.1')
  const before = hosts.evil.seen.length
  for (const [name, as] of [['boxed', ''], ['rooted', ''], ['rooted', 'sudo -E ']] as const) {
    const run = (script: string, exit: number | null = 0) => product.cli(['ssh', name, `${as}sh -c '${script.replaceAll("'", `'\\''`)}'`], { exit })
    const get = async (path: string, more = '') => (await run(`curl -s --noproxy "*" -m 20 --path-as-is ${more} "$BERTH_INJECT_API${path}"`, null)).stdout
    expect((await run('id -u')).stdout.trim() === '0').toBe(as !== '')
    expect(await get('/echo')).toContain(`"x-api-key":"${'*'.repeat(SECRETS.api.length)}"`)
    expect(await get('/away', '-D -')).toContain(`/taken?key=${'*'.repeat(SECRETS.api.length)}`)
    for (const path of [`//${evil}/x`, `@${evil}/x`, `/\\\\${evil}/x`, `:${evil.split(':')[1]}/x`]) await get(path)
    expect(await secretsFound(run, ...Object.values(SECRETS))).toEqual([])
  }
  expect(hosts.evil.seen.length).toBe(before)
}, 240_000)

test('without the rule nobody is let in', async () => {
  await product.cli(['inject', 'remove', 'npm'])
  await eventually(async () => (await ask('"${BERTH_INJECT_API%api}npm/left-thing"')).includes('nothing is put into requests under the name npm'), 'the end of the rule')
  expect((await inside('cd /tmp/n && rm -rf node_modules package-lock.json && timeout 60 npm install --no-audit --no-fund --fetch-retries 0 --cache /tmp/third left-thing', null)).exitCode).not.toBe(0)
}, 120_000)
