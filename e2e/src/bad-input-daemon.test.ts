/** An old daemon: it holds its machine's own token and speaks a protocol that this server no longer understands. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredEvent, Workspace } from '@berth/wire'
import { LINK_CLOSE, LINK_PATH } from '@berth/wire/daemon'
import type { ErrorBody } from '@berth/wire/error'
import { SERVER_FILE } from '@berth/wire/server-file'
import { takeInventory } from './inventory.ts'
import { eventually, startProduct, type Product } from './product.ts'

describe('an old daemon', () => {
  let product: Product
  let code: string
  const read = async () => (await product.json<Workspace[]>(['list']))[0]
  const machine = (id: string) => join(product.home, 'workspaces', id, 'machine-g1')
  beforeAll(() => {
    product = startProduct()
    code = mkdtempSync(join(tmpdir(), 'berth-old-'))
  })
  afterAll(async () => {
    await product.close()
    rmSync(code, { recursive: true, force: true })
  }, 60_000)

  test('is turned away, the workspace says what to do, and doing it helps', async () => {
    await product.cli(['list'])
    const before = await takeInventory(product.home)
    const { id } = await product.json<Workspace>(['up', code, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'old', '--no-open', '-y'])
    const { linkUrl } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { linkUrl: string }
    const { linkToken } = JSON.parse(readFileSync(join(machine(id), 'state/link-token.json'), 'utf8')) as { linkToken: string }

    expect(await dial(linkUrl, linkToken, hello(id, { protocol: 0 }))).toMatchObject({ code: LINK_CLOSE.incompatible, heard: [] })
    const failed = await eventually(async () => { const now = await read(); return now?.phase === 'failed' ? now : null }, 'the failure')
    expect(failed.error).toMatchObject({ code: 'daemon_incompatible', message: expect.stringContaining('protocol 0'), hint: expect.stringContaining('berth start') })
    const sent = await product.cli(['send', 'old', 'hello', '--json'], { exit: null })
    expect([sent.exitCode, (JSON.parse(sent.stdout) as { error: ErrorBody }).error]).toMatchObject([1, { code: 'workspace_not_running', hint: expect.stringMatching(/\S/) }])
    const notices = (await product.cli(['events', 'old', '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as StoredEvent)
    expect(notices.filter(({ body }) => body.type === 'workspace.notice').map(({ body }) => body['code'])).toContain('daemon_incompatible')

    await product.cli(['start', 'old'])
    await eventually(async () => { const now = await read(); return now?.phase === 'running' && now.error === null }, 'the start')
    await product.cli(['delete', 'old', '-y'])
    await eventually(async () => (await read()) === undefined, 'the deletion')
    expect(await takeInventory(product.home)).toEqual(before)
  }, 120_000)

  test('a hello that cannot be understood, of another workspace, or without a token changes nothing', async () => {
    const { id } = await product.json<Workspace>(['up', code, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'calm', '--no-open', '-y'])
    const { linkUrl } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { linkUrl: string }
    const { linkToken } = JSON.parse(readFileSync(join(machine(id), 'state/link-token.json'), 'utf8')) as { linkToken: string }
    // The program begins a moment after the daemon is there, and its shell becomes it another moment later.
    const before = await eventually(async () => {
      const now = await takeInventory(product.home)
      return now.processes.some((line) => /^\d+ cat$/.test(line)) && now
    }, 'the program')
    expect(await dial(linkUrl, linkToken, { ...hello(id, {}), workspaceId: 'ws_000000000000' })).toMatchObject({ code: LINK_CLOSE.rejected })
    expect(await dial(linkUrl, linkToken, hello(id, { generation: 2 }))).toMatchObject({ code: LINK_CLOSE.rejected })
    expect(await dial(linkUrl, linkToken, { type: 'hello', protocol: 'new' })).toMatchObject({ code: LINK_CLOSE.garbage })
    expect(await dial(linkUrl, linkToken, { type: 'events', epoch: 1, journalId: 'x', entries: [{ n: 1, id: 'ev_000000000000', ageMs: 0, body: { type: 'x' } }] })).toMatchObject({ code: LINK_CLOSE.garbage })
    expect(await dial(linkUrl, 'nobody', hello(id, {}))).toMatchObject({ code: LINK_CLOSE.rejected })
    expect(await read()).toMatchObject({ phase: 'running', generation: 1 })
    expect(await takeInventory(product.home)).toEqual(before)
  }, 120_000)
})

function hello(workspaceId: string, over: { protocol?: number; generation?: number }): Record<string, unknown> {
  return {
    type: 'hello', protocol: 1, daemonVersion: '0.0.1', workspaceId, generation: 1, boot: 'b', machineBoot: 'm', journal: { id: 'old', firstN: 1, lastN: 0 },
    platform: { os: 'linux', arch: 'x64', libc: null, tmux: false }, isolation: 'sandbox', ...over,
  }
}

/** Says one thing on the link and listens until the server hangs up. */
function dial(linkUrl: string, token: string, message: Record<string, unknown>): Promise<{ code: number; heard: string[] }> {
  const heard: string[] = []
  return new Promise((resolve) => {
    const socket = new WebSocket(`${linkUrl.replace('http', 'ws')}${LINK_PATH}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
    socket.addEventListener('open', () => { socket.send(JSON.stringify(message)) })
    socket.addEventListener('message', ({ data }) => { heard.push(String(data)) })
    socket.addEventListener('close', ({ code }) => { resolve({ code, heard }) })
  })
}
