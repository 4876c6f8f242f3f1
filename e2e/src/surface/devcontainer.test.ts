/**
 * A project's own environment: the real devcontainer CLI, the real engine, the image of the tests as the base, and no
 * registry. What a repository may not ask for is looked for on the host and in the container that was made.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVER_LOG_FILE } from '@berth/wire/server-file'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { makeProject } from './made-project.ts'

const UP_MS = 180_000
const AGENT = ['--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open']
/** Nobody built this before: what is kept between runs is not what is tested. */
const NONCE = crypto.randomUUID()

let product: Product
let scratch = ''
let base = ''
const images = new Set<string>()

interface Container { readonly Config: { readonly Image: string; readonly Env: string[] }; readonly HostConfig: Record<string, unknown>; readonly Mounts: { readonly Type: string; readonly Destination: string; readonly Source: string }[] }
const engine = (path: string, init: RequestInit = {}) => fetch(`http://docker/v1.41${path}`, { ...init, unix: '/var/run/docker.sock' })

async function containerOf({ id }: Workspace): Promise<Container> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`dev.berth.workspace=${id}`] }))
  const [found] = (await (await engine(`/containers/json?all=1&filters=${filters}`)).json()) as { Id: string }[]
  if (found === undefined) throw new Error(`${id} has no container`)
  const whole = (await (await engine(`/containers/${found.Id}/json`)).json()) as Container
  if (whole.Config.Image.startsWith('berth/devcontainer:')) images.add(whole.Config.Image)
  return whole
}
async function noticesOf({ id }: Workspace): Promise<{ code: string; message: string; level: string }[]> {
  const { events } = (await (await product.fetch(`/api/v1/workspaces/${id}/events?after=0&limit=500`)).json()) as { events: StoredEvent[] }
  return events.map(({ body }) => body as { type: string; code: string; message: string; level: string }).filter(({ type }) => type === 'workspace.notice')
}
const run = async (name: string, script: string): Promise<string> => (await product.cli(['run', name, '--', 'sh', '-c', script])).stdout
const serverLog = (): string => readFileSync(join(product.home, SERVER_LOG_FILE), 'utf8')

const up = (dir: string, name: string, ...more: string[]): Promise<Workspace> => product.json<Workspace>(['up', dir, '--name', name, ...AGENT, ...more])

const PWNED = join(tmpdir(), `berth-pwned-${NONCE}`)
const FEATURE = {
  '.devcontainer/painter/devcontainer-feature.json': JSON.stringify({ id: 'painter', version: '1.0.0', name: 'painter', options: { colour: { type: 'string', default: 'red' } }, containerEnv: { PAINTED: 'yes' }, onCreateCommand: 'echo feature >> ~/order' }),
  '.devcontainer/painter/install.sh': '#!/bin/sh\necho "$COLOUR" > /colour\n',
}
const dockerfile = (middle: string): string => `ARG BASE\nFROM $BASE\nARG WHO\n${middle}RUN useradd -m -u 1234 -s /bin/bash pilot && echo "$WHO" > /who\n`
const configuration = (more: Record<string, unknown> = {}): string => `// the project's own\n${JSON.stringify({
  name: 'whole', build: { dockerfile: 'Dockerfile', context: '..', args: { BASE: base, WHO: NONCE } }, features: { './painter': { colour: 'blue' } },
  remoteUser: 'pilot', containerEnv: { IN_IMAGE: '${containerWorkspaceFolder}', STOLEN: '${localEnv:BERTH_HOME}' }, remoteEnv: { GREETING: 'hello ${containerEnv:IN_IMAGE}' },
  onCreateCommand: 'echo onCreate $(id -un) $PWD >> ~/order', updateContentCommand: ['sh', '-c', 'echo updateContent >> ~/order'], postCreateCommand: { only: 'echo postCreate $GREETING >> ~/order' },
  postStartCommand: 'echo postStart >> ~/order', postAttachCommand: 'echo postAttach >> ~/order',
  forwardPorts: [4321], portsAttributes: { 4321: { label: 'the site' } }, mounts: ['source=c,target=/cache,type=volume', 'source=m,target=${containerWorkspaceFolder}/web/node_modules,type=volume', 'source=h,target=/home/pilot,type=volume'], workspaceFolder: '/workspaces/whole',
  customizations: { vscode: { extensions: ['x.y'] } }, ...more,
}, null, 2).replace(/\n}$/, ',\n}')}\n`

beforeAll(async () => {
  product = startProduct()
  scratch = mkdtempSync(join(tmpdir(), 'berth-devcontainer-'))
  // The image that the product makes for a project that says nothing.
  const plain = await up(makeProject(join(scratch, 'plain'), { 'README.md': 'plain' }), 'plain')
  base = (await containerOf(plain)).Config.Image
}, 300_000)

afterAll(async () => {
  await product.close()
  // The containers of deleted workspaces may still be on their way out.
  for (const image of images) await eventually(async () => [200, 404].includes((await engine(`/images/${image}`, { method: 'DELETE' })).status), `${image} is removed`)
  rmSync(scratch, { recursive: true, force: true })
  rmSync(PWNED, { force: true })
}, 60_000)

test('a Dockerfile with arguments, a feature, a user, hooks in their order, variables, a mount and ports (US1.5)', async () => {
  const dir = makeProject(join(scratch, 'whole'), { '.devcontainer/devcontainer.json': configuration(), '.devcontainer/Dockerfile': dockerfile(''), ...FEATURE })
  const workspace = await up(dir, 'whole')
  expect(workspace.phase).toBe('running')
  expect((await containerOf(workspace)).Config.Image).toStartWith('berth/devcontainer:')
  expect(await run('whole', 'id -un; id -u; echo $HOME')).toBe('pilot\n1234\n/home/pilot\n')
  expect((await run('whole', 'cat ~/order')).trim().split('\n')).toEqual(['feature', 'onCreate pilot /workspace', 'updateContent', 'postCreate hello /workspace', 'postStart', 'postAttach'])
  expect(await run('whole', 'cat /who /colour; echo "$PAINTED-$IN_IMAGE-$STOLEN-"')).toBe(`${NONCE}\nblue\nyes-/workspace--\n`)
  expect(await run('whole', 'touch /cache/x && readlink /workspaces/whole && git -C /workspaces/whole log --format=%s')).toBe('/workspace\nfirst\n')
  // A volume in the tree of the code: the code comes around it, and all of it is the agent's.
  expect(await run('whole', 'touch web/x web/node_modules/x && rm web/x && git status --short && stat -c %U web')).toBe('?? web/\npilot\n')
  const { stdout } = await product.cli(['ports', 'whole', '--json'])
  expect(JSON.parse(stdout)).toMatchObject([{ port: 4321, label: 'the site', primary: true, from: 'declared' }])
  const notices = await noticesOf(workspace)
  expect(notices.find(({ code }) => code === 'devcontainer')?.message).toContain('.devcontainer/devcontainer.json')
  expect(notices.find(({ code }) => code === 'devcontainer_ignored')?.message).toContain('customizations.vscode')
  expect(workspace.steps.find(({ step }) => step === 'image')).toMatchObject({ state: 'done' })
  expect((await product.cli(['logs', 'whole', 'image'])).stdout).toContain('Successfully built')
  expect((await product.cli(['logs', 'whole', 'setup'])).stdout).toContain('onCreateCommand: ended with 0')
}, UP_MS)

test('the second machine of a project is made from the image of the first', async () => {
  const built = (): number => serverLog().split('building the image of .devcontainer/devcontainer.json').length - 1
  const before = built()
  const workspace = await up(join(scratch, 'whole'), 'again')
  expect(workspace.id).not.toBe((await product.json<Workspace[]>(['list'])).find(({ name }) => name === 'whole')?.id ?? '')
  expect(built()).toBe(before)
  expect(before).toBeGreaterThan(0)
  expect(await run('again', 'id -un')).toBe('pilot\n')
}, UP_MS)

test('stop and start runs what belongs to a start, and nothing else', async () => {
  await product.cli(['stop', 'again', '--wait'])
  await product.cli(['start', 'again'])
  expect((await run('again', 'cat ~/order')).trim().split('\n').slice(-3)).toEqual(['postAttach', 'postStart', 'postAttach'])
}, UP_MS)

test('what would reach the host is not done, and is told by name', async () => {
  const hostile = {
    initializeCommand: `touch ${PWNED}`, privileged: true, capAdd: ['SYS_ADMIN'], securityOpt: ['seccomp=unconfined'], runArgs: ['--network=host', '--pid', 'host', '-v', '/:/all'],
    mounts: ['source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind', 'source=/,target=/host,type=bind'],
    build: { dockerfile: 'Dockerfile', context: '..', args: { BASE: base, WHO: NONCE }, options: ['--network=host'] },
  }
  const dir = makeProject(join(scratch, 'hostile'), { '.devcontainer/devcontainer.json': configuration(hostile), '.devcontainer/Dockerfile': dockerfile(''), ...FEATURE })
  const workspace = await up(dir, 'hostile')
  expect(existsSync(PWNED)).toBe(false)
  const { HostConfig, Mounts } = await containerOf(workspace)
  expect(HostConfig).toMatchObject({ Privileged: false, PidMode: '', SecurityOpt: ['no-new-privileges'], CapDrop: ['ALL'] })
  expect(HostConfig['CapAdd']).not.toContain('SYS_ADMIN')
  expect(HostConfig['NetworkMode']).not.toBe('host')
  expect(Mounts.filter(({ Type }) => Type === 'bind').map(({ Destination }) => Destination).sort()).toEqual(['/opt/berth', '/var/lib/berth/link'])
  const refused = (await noticesOf(workspace)).find(({ code }) => code === 'devcontainer_refused')
  for (const key of ['initializeCommand', 'privileged', 'capAdd: SYS_ADMIN', 'securityOpt: seccomp=unconfined', 'runArgs: --network=host', 'runArgs: --pid host', 'runArgs: -v /:/all', 'docker.sock', 'target=/host', 'build.options']) expect(refused?.message).toContain(key)
}, UP_MS)

test('a link out of the project is not followed', async () => {
  const secret = join(scratch, 'secret-of-the-host')
  writeFileSync(secret, 'FROM nothing-that-is-there\n# the secret\n')
  const dir = makeProject(join(scratch, 'link'), { '.devcontainer/devcontainer.json': JSON.stringify({ build: { dockerfile: 'Dockerfile' } }) })
  Bun.spawnSync(['ln', '-s', secret, '.devcontainer/Dockerfile'], { cwd: dir })
  const workspace = await up(dir, 'link')
  const told = JSON.stringify(await noticesOf(workspace))
  expect(told).toContain('devcontainer_failed')
  expect(told).not.toContain('nothing-that-is-there')
  expect(await run('link', 'cat ~/devcontainer-build.log')).not.toContain('nothing-that-is-there')
}, UP_MS)

test('a build that fails gives a machine to repair it in, and rebuild makes the project\'s own with everything kept', async () => {
  const dir = makeProject(join(scratch, 'broken'), { '.devcontainer/devcontainer.json': configuration({ features: {} }), '.devcontainer/Dockerfile': dockerfile('RUN echo the-last-words && exit 7\n') })
  const workspace = await up(dir, 'broken')
  expect(workspace.phase).toBe('running')
  expect((await noticesOf(workspace)).find(({ code }) => code === 'devcontainer_failed')).toMatchObject({ level: 'error', message: expect.stringContaining('returned a non-zero code: 7') })
  expect(await run('broken', 'id -un; cat ~/devcontainer-build.log')).toMatch(/^dev\n[\s\S]*the-last-words/)
  // Nor is anything of the failed step left with the engine.
  const left = (await (await engine('/containers/json?all=1')).json()) as { Command: string }[]
  expect(left.filter(({ Command }) => Command.includes('the-last-words'))).toEqual([])
  // It runs, and whoever lists it sees what it is.
  const listed = await product.cli(['list'])
  expect(listed.stdout + listed.stderr).toMatch(/broken.*recovery[\s\S]*broken is a recovery machine: .*code: 7[\s\S]*berth rebuild broken/)
  await run('broken', `sed -i '/exit 7/d' .devcontainer/Dockerfile && echo kept > ~/mine && echo kept > here`)
  await product.cli(['rebuild', 'broken'], { withinMs: UP_MS })
  expect((await product.json<Workspace[]>(['list'])).find(({ name }) => name === 'broken')?.recovery).toBeNull()
  expect(await run('broken', 'id -un; cat ~/mine here')).toBe('pilot\nkept\nkept\n')
  expect(await run('broken', 'stat -c %U ~/mine here .git')).toBe('pilot\npilot\npilot\n')
  await containerOf(workspace)
}, UP_MS)

test('a stop ends the build of an image, and a start begins it anew', async () => {
  const mark = `endless-${NONCE}`
  const dir = makeProject(join(scratch, 'endless'), { '.devcontainer/devcontainer.json': configuration({ features: {} }), '.devcontainer/Dockerfile': dockerfile(`RUN : ${mark}; exec sleep 1000\n`) })
  const building = async (): Promise<boolean> => ((await (await engine('/containers/json')).json()) as { Command: string }[]).some(({ Command }) => Command.includes(mark))
  const starting = product.cli(['up', dir, '--name', 'endless', ...AGENT], { exit: null })
  await eventually(building, 'the endless step is built')
  await product.cli(['stop', 'endless'])
  await eventually(async () => !(await building()), 'the endless step is over')
  expect((await product.json<Workspace[]>(['list'])).find(({ name }) => name === 'endless')?.phase).toBe('stopped')
  expect((await starting).exitCode).not.toBe(0)
  await product.cli(['start', 'endless', '--no-wait'], { exit: null })
  await eventually(building, 'the endless step is built again')
  await product.cli(['delete', 'endless', '-y'])
  await eventually(async () => !(await building()), 'the endless step is over')
}, UP_MS)

test('--image is the person\'s word, and a project without a devcontainer is known by its language (US1.6)', async () => {
  const chosen = await up(join(scratch, 'whole'), 'chosen', '--image', base)
  expect(await run('chosen', 'id -un')).toBe('dev\n')
  expect(await noticesOf(chosen)).toEqual([])
  expect((await product.cli(['rebuild', 'chosen'], { exit: null })).stderr).toContain('because somebody chose it')
  const go = await up(makeProject(join(scratch, 'go'), { 'go.mod': 'module x\n' }), 'go')
  // Where a registry answers it is that image, else the default one; both are said.
  expect((await noticesOf(go)).find(({ code }) => code === 'image_default' || code === 'image_detected')?.message).toContain('a Go project by its go.mod')
}, UP_MS)
