/**
 * The laptop is switched off in the middle of a turn: its cable is pulled, what runs on it is killed, its network is gone.
 * The server, the workspace and the model are elsewhere; the turn of the real Claude Code ends there, and another laptop
 * reads the whole of it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { TOKEN_FILE, SERVER_FILE } from '@berth/wire/server-file'
import { createClosers } from '../ground.ts'
import { COMMAND, eventually, root, startProduct, type Product } from '../product.ts'
import { modelWords, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { openDesk, type Computer, type Desk } from './laptop.ts'

const LAST = 8
const closers = createClosers()
let desk: Desk
let product: Product
let repository: { readonly dir: string }
let model: { readonly url: string; readonly pid: number; asked(): string }

beforeAll(async () => {
  desk = openDesk()
  closers.add(() => desk.close())
  const dirty = await dirtyRepository()
  closers.add(() => dirty.remove())
  repository = dirty
  model = await startModel(desk.server)
  product = startProduct({}, { through: desk.server.through })
  closers.add(() => product.close())
  setUpProviders(product.home, model)
  writeFileSync(join(product.home, 'config.yaml'), `listen: ${desk.serverAddress}\n`)
  await product.cli(['list'])
}, 120_000)
afterAll(() => closers.close(), 120_000)

test('a turn goes on and ends without the laptop that began it, and another one reads it whole', async () => {
  const first = openHome(desk.openLaptop())
  const up = await first.cli('up', '.', '--provider', 'local', '--approvals', 'skip', '--prompt', `please [[count ${LAST}]]`, ...modelWords(model), '--no-open', '-y', '--name', 'far')
  const { id } = JSON.parse(up) as Workspace
  const watched = first.watch(id)
  await watched.until((text) => text.includes('"number 2"'))
  // The model is slow from here: nothing of what follows can have been seen.
  process.kill(model.pid, 'SIGSTOP')
  const seen = watched.lines()
  expect(seen.some(({ body }) => body.type === 'turn.ended')).toBe(false)
  desk.loseLaptop()
  await watched.exited
  process.kill(model.pid, 'SIGCONT')

  await eventually(async () => model.asked().includes(`number ${LAST - 1}`), 'the last request of the turn', 120_000)
  const second = openHome(desk.openLaptop())
  const events = async () => (await second.cli('events', id, '--after', '0', '--no-follow')).trim().split('\n').map((line) => JSON.parse(line) as StoredEvent)
  const all = await eventually(async () => events().then((list) => (list.some(({ body }) => body.type === 'turn.ended') ? list : null)), 'the end of the turn')
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
  expect(all.slice(0, seen.length)).toEqual(seen)
  expect(all.filter(({ body }) => body.type === 'turn.ended').map(({ body }) => body)).toMatchObject([{ outcome: 'done' }])
  expect(all.flatMap(({ body }) => (body.type === 'message' && body.role === 'agent' ? [body.text] : []))).toEqual(Array.from({ length: LAST }, (_, at) => `number ${at + 1}`))
  await second.cli('send', id, 'and now [[say back again]]')
  await eventually(async () => JSON.stringify(await events()).includes('"back again"'), 'the answer to the second laptop')
}, 240_000)

interface Home { cli(...words: string[]): Promise<string>; watch(id: string): Watched }
interface Watched { lines(): StoredEvent[]; until(isThere: (text: string) => boolean): Promise<void>; readonly exited: Promise<number> }

/** What a person has on a laptop: the program, a home of its own, the address of the server and a token for it. */
function openHome({ through }: Computer): Home {
  const home = mkdtempSync(join(tmpdir(), 'berth-laptop-'))
  closers.add(() => rmSync(home, { recursive: true, force: true }))
  const { url } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { url: string }
  const env = { ...product.env, BERTH_HOME: home, BERTH_URL: url, BERTH_TOKEN: readFileSync(join(product.home, TOKEN_FILE), 'utf8').trim() }
  const spawn = (words: readonly string[]) => Bun.spawn([...through, ...COMMAND, ...words, '--json'], { cwd: repository.dir, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  return {
    async cli(...words) {
      const child = spawn(words)
      const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
      if (code !== 0) throw new Error(`berth ${words.join(' ')}: exit ${code}\n${out}\n${err}`)
      return out
    },
    watch(id) {
      const child = spawn(['events', id, '--after', '0'])
      let text = ''
      let look = (): void => {}
      const reading = (async () => {
        for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
          text += piece
          look()
        }
      })()
      return {
        exited: Promise.all([child.exited, reading]).then(([code]) => code),
        lines: () => text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as StoredEvent),
        until: (isThere) => new Promise((resolve, reject) => {
          look = () => { if (isThere(text)) resolve() }
          look()
          void child.exited.then((code) => { reject(new Error(`the watcher ended with ${code}: ${text}`)) })
        }),
      }
    },
  }
}

async function startModel({ through }: Computer): Promise<typeof model> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-model-'))
  const log = join(dir, 'requests')
  const child = Bun.spawn([...through, process.execPath, `--tsconfig-override=${root}/tsconfig.json`, `${root}/packages/testkit/src/scripted-model/main.ts`, '--log', log], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  closers.add(async () => {
    child.kill('SIGKILL')
    await child.exited
    rmSync(dir, { recursive: true, force: true })
  })
  let said = ''
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += piece
    if (said.includes('\n')) break
  }
  // nsenter becomes the program: its pid is the model's.
  return { url: said.split('\n')[0] ?? '', pid: child.pid, asked: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') }
}
