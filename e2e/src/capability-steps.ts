/**
 * The capability test (design §9.1): what Berth is for, with real processes and the real Claude Code. Its steps are
 * numbered; those of later issues are named where they will stand.
 *
 *   1 up · 2 the daemon dials out · 3 the prompt reaches the model with zero viewers · 4 an approval is asked
 *   5 answered by a second client · 6 a file is changed · 7 a hunk is reviewed · 8 pushed through the gateway
 *   9 the work comes back by pull · 10 the dev command answers at its preview · 11 idle stops it · 12 start resumes the same conversation
 *   13 a second agent, of another maker · 14 delete leaves nothing · 15 server stop leaves no process · 16 a person's own ssh works beside the agent
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Approval, StoredEvent, Workspace } from '@berth/wire'
import type { Review } from '@berth/wire/review'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { startGitServer, type GitServer } from './git-server.ts'
import { modelUrl, modelWords } from './providers.ts'
import { dirtyRepository, git } from './repository.ts'
import { eventually, processesOf, startProduct, type Product } from './product.ts'

/** A server of a few lines, in what every Debian has: a page, and a WebSocket that says hello. */
const DEV_PROGRAM = [
  'import base64, hashlib, socket, threading',
  'def serve(client):',
  '    head = client.recv(65536).decode("latin1")',
  '    key = [line.split(":", 1)[1].strip() for line in head.split("\\r\\n") if line.lower().startswith("sec-websocket-key:")]',
  '    if key:',
  '        accept = base64.b64encode(hashlib.sha1((key[0] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()',
  '        client.sendall(("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n").encode() + bytes([0x81, 5]) + b"hello")',
  '        client.recv(1)',
  '    else:',
  '        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\nConnection: close\\r\\n\\r\\ndev server")',
  '    client.close()',
  'listener = socket.create_server(("127.0.0.1", 3000))',
  'while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()',
].join('\n')
const DEV_COMMAND = `python3 -c "$(echo ${Buffer.from(DEV_PROGRAM).toString('base64')} | base64 -d)"`

const HOST_TOKEN = 'longlived-canary-capability-8'

/** What the steps must know of where the machines are. */
export interface CapabilityGround {
  readonly provider: string
  /** Where the scripted model listens so that its machines can reach it. */
  readonly modelHost: string
  /** Settings of a home whose server has not started. */
  setUp(home: string, model: ScriptedModel): Promise<void> | void
  /** All that is there of one workspace, by name. */
  inventory(workspaceId: string): Promise<readonly string[]>
  close?(): Promise<void>
  /** So many times slower than this host, as a computer is whose instructions are translated. */
  readonly slowness?: number
}

/** Begins all steps on one provider. */
export function capabilityOn(ground: CapabilityGround): void {
  const { provider, slowness = 1 } = ground
  describe(`capability on ${provider}`, () => {
    let product: Product
    let model: ScriptedModel
    let repository: Awaited<ReturnType<typeof dirtyRepository>>
    let workspace: Workspace
    /** Of a git host elsewhere, which the server has a token for. */
    let hosted: string
    let gitHost: GitServer
    const read = async () => product.json<Workspace[]>(['list']).then((list) => list.find(({ id }) => id === workspace.id))
    const events = async () => (await product.cli(['events', workspace.id, '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line) as StoredEvent)

    beforeAll(async () => {
      repository = await dirtyRepository()
      hosted = mkdtempSync(join(tmpdir(), 'berth-capability-git-'))
      gitHost = startGitServer(hosted, { username: 'x-access-token', token: HOST_TOKEN })
      model = await startScriptedModel({ hostname: ground.modelHost })
      product = startProduct({}, { withinMs: 180_000 * slowness })
      await ground.setUp(product.home, model)
    })
    afterAll(async () => {
      await product.close()
      await model.close()
      await gitHost.close()
      rmSync(hosted, { recursive: true, force: true })
      repository.remove()
      await ground.close?.()
    })

    test('1-2: up returns when the daemon is connected', async () => {
      workspace = await product.json<Workspace>(['up', '.', '--provider', provider, '--prompt', 'please do [[work]]', ...modelWords(model), '--service', `dev=${DEV_COMMAND}`, '--port', '3000:web', '--no-open', '-y', '--name', `cap-${provider}`], { cwd: repository.dir })
      expect(workspace).toMatchObject({ provider, phase: 'running', name: `cap-${provider}` })
      expect(workspace.webUrl).toStartWith('http')
      expect(workspace.terminalUrl).toStartWith('http')
    }, 300_000 * slowness)

    test('3: the prompt reaches the model while nobody looks', async () => {
      await model.waitFor((request) => JSON.stringify(request.body).includes('please do [[work]]'))
      const server = (await (await product.fetch('/api/v1/server')).json()) as { viewers: number; daemons: number }
      expect(server).toMatchObject({ viewers: 0, daemons: 1 })
    }, 120_000 * slowness)

    test('4-5: it asks, a second client answers, a third learns who did', async () => {
      const answered = new Set<string>()
      // The scenario asks more than once; each question is answered from another client than the CLI that started it.
      await eventually(async () => {
        const open = (await (await product.fetch(`/api/v1/approvals?workspace=${workspace.id}`)).json()) as Approval[]
        for (const { id, approvalId } of open.map((approval) => ({ id: approval.approvalId, approvalId: approval.approvalId }))) {
          const reply = await product.fetch(`/api/v1/approvals/${id}/decision`, { method: 'POST', body: JSON.stringify({ decision: { behavior: 'allow' }, via: 'api' }) })
          if (reply.status === 200) answered.add(approvalId)
        }
        return answered.size > 0 && (await events()).some(({ body }) => body.type === 'turn.ended')
      }, 'an approval and the end of the turn', 120_000 * slowness)
      const [first] = [...answered]
      const late = await product.cli(['deny', first ?? ''], { exit: null })
      expect(late.exitCode).toBe(1)
      expect(late.stderr).toContain('api')
      const list = await events()
      expect(list.map(({ seq }) => seq)).toEqual(list.map((_, index) => index + 1))
      for (const id of answered) {
        const mine = list.filter(({ body }) => body.type.startsWith('approval.') && JSON.stringify(body).includes(id)).map(({ body }) => body.type)
        expect(mine).toEqual(['approval.asked', 'approval.decided', 'approval.applied'])
      }
    }, 180_000 * slowness)

    test('7: a hunk is rejected and put back, and the rest accepted', async () => {
      const seen = await product.json<Review>(['review', workspace.id])
      const hunk = seen.files.find(({ path }) => path === 'hello.txt')?.hunks[0]
      expect(hunk).toMatchObject({ mark: 'open', lines: ['+alpha', '+gamma'] })
      const rejected = await product.json<Review & { gone: string[] }>(['review', workspace.id, '--reject', hunk?.hunkId ?? '', '--reason', 'not yet'])
      expect(rejected).toMatchObject({ gone: [], unsent: 1 })
      expect((await product.cli(['diff', workspace.id])).stdout).not.toContain('hello.txt')
      expect(await product.json<Review>(['review', workspace.id, '--open', hunk?.hunkId ?? ''])).toMatchObject({ gone: [], unsent: 0, tree: seen.tree })
      const accepted = await product.json<Review>(['review', workspace.id, '--accept', 'all'])
      expect(accepted.reviewed).toBe(seen.tree)
    }, 60_000 * slowness)

    test('6, 9: the change comes back by pull, and the original tree is untouched', async () => {
      const before = await git(repository.dir, 'status', '--porcelain=v1', '-z')
      const diff = await product.cli(['diff', workspace.id])
      expect(diff.stdout).toContain('hello.txt')
      await product.cli(['pull', workspace.id], { cwd: repository.dir })
      const branch = `berth/cap-${provider}`
      expect(await git(repository.dir, 'ls-tree', '-r', '--name-only', branch)).toContain('hello.txt')
      expect(await git(repository.dir, 'show', `${branch}:README.md`)).toBe('# demo\nunstaged\n')
      expect(await git(repository.dir, 'ls-tree', '-r', '--name-only', branch)).not.toContain('ignored.txt')
      expect(await git(repository.dir, 'status', '--porcelain=v1', '-z')).toBe(before)
    }, 60_000 * slowness)

    test('8: its work is pushed through the gateway, to a host whose token it does not have, and to its own branch alone', async () => {
      const url = `http://127.0.0.1:${gitHost.port}/private-capability.git`
      const bare = join(hosted, 'private-capability.git')
      await git(hosted, 'clone', '-q', '--bare', '--single-branch', '--branch', 'main', repository.dir, bare)
      const added = await product.fetch('/api/v1/git-hosts', { method: 'POST', body: JSON.stringify({ origin: new URL(url).origin, token: HOST_TOKEN, check: 'private-capability' }) })
      expect(added.status).toBe(200)
      await product.cli(['git-access', workspace.id, '--repo', `${url}:write`])
      const branch = `berth/cap-${provider}`
      // What the agent changed, by an index of its own: the tree stays as the other steps want it.
      const commit = `export GIT_INDEX_FILE=/tmp/pushed.index; git add -A && git -c user.name=a -c user.email=a@example.org commit-tree -p HEAD -m pushed $(git write-tree)`
      const push = async (ref: string) => product.cli(['run', workspace.id, '--', 'sh', '-c', `cd /workspace && commit=$(${commit}) && git push -q ${url} $commit:${ref}`], { exit: null })
      await eventually(async () => {
        const { exitCode, stderr } = await push(`refs/heads/${branch}`)
        if (exitCode !== 0) throw new Error(stderr)
        return true
      }, 'git inside learns of the host', 60_000 * slowness)
      expect(await git(bare, 'show', `${branch}:hello.txt`)).toContain('alpha')
      const before = await git(bare, 'for-each-ref')
      expect((await push('refs/heads/main')).exitCode).not.toBe(0)
      expect(await git(bare, 'for-each-ref')).toBe(before)
      expect((await product.cli(['run', workspace.id, '--', 'sh', '-c', 'env; git -C /workspace config --list; cat ~/.git-credentials ~/.netrc 2>/dev/null; true'])).stdout).not.toContain(HOST_TOKEN)
    }, 120_000 * slowness)

    test('10: the dev command answers at its preview, WebSocket included', async () => {
      const { share } = await product.json<{ share: { url: string } }>(['preview', workspace.id, '--share'])
      const { host, port, pathname, search } = new URL(share.url)
      expect(host).toBe(`3000--cap-${provider}.localhost:${port}`)
      const entered = await fetch(`http://127.0.0.1:${port}${pathname}${search}`, { headers: { host }, redirect: 'manual' })
      const headers = { host, cookie: entered.headers.get('set-cookie')?.split(';')[0] ?? '' }
      await eventually(async () => (await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text()) === 'dev server', 'the dev server')
      // Bun's client takes headers; the DOM's types do not know.
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers } as unknown as string[])
      expect(await new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve(data)
        socket.onerror = () => reject(new Error('the WebSocket was refused'))
      })).toBe('hello')
      socket.close()
    }, 60_000 * slowness)

    test('16: OpenSSH works in the tree beside the agent, with a terminal, and leaves the agent alone', async () => {
      const seen = await product.cli(['ssh', workspace.id, 'cd /workspace && cat hello.txt && git status --porcelain hello.txt && echo "$HOME"; exit 4'], { exit: 4 })
      expect(seen.stdout).toBe('alpha\ngamma\n?? hello.txt\n/home/dev\n')
      expect((await product.cli(['ssh', workspace.id, '--', '-tt', 'test -t 0 && pgrep -f [c]laude >/dev/null && echo beside it'])).stdout.trim()).toBe('beside it')
      expect(await read()).toMatchObject({ phase: 'running', agentState: 'idle' })
    }, 60_000 * slowness)

    test('11-12: stopped, then started, it goes on with the same conversation', async () => {
      await product.cli(['stop', workspace.id])
      await eventually(async () => (await read())?.phase === 'stopped', 'the stop')
      await product.cli(['start', workspace.id])
      await eventually(async () => (await read())?.agentState === 'idle', 'the agent after the start', 90_000 * slowness)
      await product.cli(['send', workspace.id, 'and now [[hello]]'])
      const request = await model.waitFor((candidate) => JSON.stringify(candidate.body).includes('and now [[hello]]'))
      expect(JSON.stringify(request.body)).toContain('please do [[work]]')
    }, 240_000 * slowness)

    test('13: a second agent, of another maker, works in a machine of its own', async () => {
      const second = await product.json<Workspace>(['up', '.', '--provider', provider, '--agent', 'codex', '--command=-c model=gpt-5.5', '--prompt', 'please do [[work]]', '--env', `OPENAI_BASE_URL=${modelUrl(model)}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret', '--approvals', 'skip', '--no-open', '-y', '--name', `second-${provider}`], { cwd: repository.dir })
      const over = async () => (await product.cli(['events', second.id, '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').map((line) => JSON.parse(line) as StoredEvent).find(({ body }) => body.type === 'turn.ended')
      expect((await eventually(over, 'the end of its turn', 120_000 * slowness)).body).toMatchObject({ outcome: 'done' })
      expect((await product.cli(['diff', second.id])).stdout).toContain('+gamma')
      expect(await read()).toMatchObject({ agent: 'claude', phase: 'running' })
      await product.cli(['delete', second.id, '-y'])
      expect(await ground.inventory(second.id)).toEqual([])
    }, 300_000 * slowness)

    test('14: delete leaves no container, volume, process or directory', async () => {
      await product.cli(['delete', workspace.id, '-y'])
      await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion')
      expect(await ground.inventory(workspace.id)).toEqual([])
      // What lies on the server's disk goes right after it is gone from the list.
      await eventually(async () => leftDirectories(product.home, workspace.id).length === 0, 'its directories gone')
      expect(processesOf(product.home).filter(({ command }) => command.includes(workspace.id))).toEqual([])
    }, 120_000 * slowness)

    test('15: server stop leaves no process', async () => {
      await product.cli(['server', 'stop'])
      expect(processesOf(product.home)).toEqual([])
    }, 60_000 * slowness)
  })
}

function leftDirectories(home: string, id: string): string[] {
  return ['workspaces', 'repos', 'uploads'].flatMap((name) => (existsSync(join(home, name)) ? readdirSync(join(home, name)).filter((entry) => entry.includes(id)) : []))
}
