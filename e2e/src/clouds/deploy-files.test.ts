/** The files of deploy/ as their own tools and descriptions read them, and in agreement with the server's settings. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as models from '@kubernetes/client-node'
import { parseConfig } from '../../../apps/server/src/compose/config.ts'
import { root } from '../product.ts'

// Each asks a program of its vendor.
setDefaultTimeout(120_000)
const deploy = join(root, 'deploy')
const read = (path: string): Promise<string> => readFile(join(deploy, path), 'utf8')

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env: { ...process.env, ...env } })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, out, err }
}

test('systemd takes the unit, and finds it closed enough', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-unit-'))
  try {
    const unit = join(dir, 'berth.service')
    // The program is not on this host.
    await writeFile(unit, (await read('systemd/berth.service')).replaceAll('/usr/local/bin/berth', '/bin/true'))
    expect(await run(['systemd-analyze', 'verify', '--man=no', unit])).toEqual({ code: 0, out: '', err: '' })
    const { out } = await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit])
    expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(out)?.[1])).toBeLessThan(3.5)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('Compose takes its file with the example of its settings, and refuses it without them', async () => {
  const argv = ['docker-compose', '-f', join(deploy, 'compose/compose.yaml')]
  const given = { BERTH_HOST: 'berth.example.org', BERTH_PREVIEW_BASE: 'preview.example.net', BERTH_EMAIL: 'you@example.org', POSTGRES_PASSWORD: 'x' }
  for (const name of Object.keys(given)) expect(await read('compose/.env.example')).toContain(`${name}=`)
  const { code, out } = await run([...argv, 'config'], given)
  expect([code, out.includes('--public=https://berth.example.org')]).toEqual([0, true])
  expect((await run([...argv, '--env-file', '/dev/null', 'config'])).code).not.toBe(0)
})

test('the image builds without BuildKit and on another base, and its defaults are those of the file alone', async () => {
  const lines = (await read('compose/Dockerfile')).split('\n').filter((line) => !line.startsWith('#'))
  expect(lines.filter((line) => /^(COPY|ADD|RUN) .*--(chmod|link|mount|network|security|parents|exclude)\b|<<\w/.test(line))).toEqual([])
  expect(lines.slice(0, 2)).toEqual(['ARG BASE=debian:bookworm-slim', 'FROM ${BASE}'])
  const given = { BERTH_HOST: 'berth.example.org', BERTH_PREVIEW_BASE: 'preview.example.net', BERTH_EMAIL: 'you@example.org', POSTGRES_PASSWORD: 'x' }
  const config = async (more: Record<string, string> = {}) => (await run(['docker-compose', '-f', join(deploy, 'compose/compose.yaml'), 'config'], { ...given, ...more })).out
  const plain = await config()
  expect(['BASE: debian:bookworm-slim', 'image: postgres:17', '443:8443', '80:8080'].filter((part) => !plain.includes(part) && !new RegExp(`published: "?${part.split(':')[0]}"?`).test(plain))).toEqual([])
  const other = await config({ BERTH_BASE_IMAGE: 'here/debian', POSTGRES_IMAGE: 'here/postgres', BERTH_HTTPS_PORT: '10443', BERTH_HTTP_PORT: '10080' })
  expect(['here/debian', 'here/postgres', '10443', '10080'].filter((part) => !other.includes(part))).toEqual([])
})

test('kustomize builds what Kubernetes describes, with nothing that it does not know', async () => {
  const { code, out, err } = await run(['kubectl', 'kustomize', join(deploy, 'kubernetes')])
  expect([code, err]).toEqual([0, ''])
  const objects = [...out.split(/^---$/m), await read('kubernetes/secret.example.yaml')].map((text) => Bun.YAML.parse(text) as { kind: string; metadata: { namespace?: string } })
  expect(objects.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment', 'Ingress', 'Namespace', 'NetworkPolicy', 'PersistentVolumeClaim', 'Secret', 'Service'])
  expect(objects.flatMap((object) => strangers(object, `V1${object.kind}`, object.kind))).toEqual([])
  for (const { kind, metadata } of objects) if (kind !== 'Namespace') expect(metadata.namespace).toBe('berth')
  // The judge does judge.
  expect(strangers({ spec: { replicaz: 1, template: { spec: { containers: [{ image: 3 }] } } } }, 'V1Deployment', 'x')).toEqual(['x.spec.replicaz is not known', 'x.spec.template.spec.containers[0].image is no string'])
})

test('what the files say of ports and settings is what the server takes', async () => {
  const config = parseConfig(await read('kubernetes/config.yaml'), 'config.yaml')
  const set = await read('kubernetes/deployment.yaml')
  for (const port of [config.port, config.linkPort, config.previews?.port, Number(config.metrics?.listen.split(':')[1])]) expect(set).toContain(`containerPort: ${port}`)
  const fly = Bun.TOML.parse(await read('fly/fly.toml')) as { processes: { app: string }; services: { internal_port: number }[]; checks: { ready: { port: number; path: string } } }
  for (const { internal_port: port } of fly.services) expect(fly.processes.app).toContain(`-port ${port}`)
  expect(fly.processes.app).toContain(`--port ${fly.checks.ready.port} `)
  // Each word of a command line is one that `berth serve` has.
  const help = (await run([process.execPath, `--tsconfig-override=${root}/tsconfig.json`, join(root, 'apps/cli/src/main.ts'), 'serve', '--help'])).out
  const words = [fly.processes.app, await read('compose/compose.yaml'), await read('compose/Dockerfile'), await read('nginx/berth.conf')].flatMap((text) => [...text.matchAll(/(?<=[\s"-]|^)--(public|listen|port|preview-[a-z]+|acme|dns|https?-port|log-format)\b/g)].map(([word]) => word))
  expect(words.length).toBeGreaterThan(15)
  for (const word of new Set(words)) expect(help).toContain(word)
})

const PLAIN: Readonly<Record<string, readonly string[]>> = { string: ['string'], number: ['number'], boolean: ['boolean'], IntOrString: ['number', 'string'] }
type Described = { getAttributeTypeMap(): { baseName: string; type: string }[] }

/** Fields that the description of the type does not have, and values of another kind. */
function strangers(value: unknown, type: string, at: string): string[] {
  const list = /^(?:Array|Set)<(.+)>$/.exec(type)?.[1]
  if (list !== undefined) return Array.isArray(value) ? value.flatMap((item, index) => strangers(item, list, `${at}[${index}]`)) : [`${at} is no list`]
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1]
  if (map !== undefined) return typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, item]) => strangers(item, map, `${at}.${key}`)) : [`${at} is no map`]
  const plain = PLAIN[type]
  if (plain !== undefined) return plain.includes(typeof value) ? [] : [`${at} is no ${type}`]
  const described = (models as unknown as Record<string, Described | undefined>)[type]
  if (described === undefined) return [`${at}: there is no ${type}`]
  if (typeof value !== 'object' || value === null) return [`${at} is no object`]
  const fields = new Map(described.getAttributeTypeMap().map((field) => [field.baseName, field.type]))
  return Object.entries(value).flatMap(([name, item]) => {
    const field = fields.get(name)
    return field === undefined ? [`${at}.${name} is not known`] : strangers(item, field, `${at}.${name}`)
  })
}
