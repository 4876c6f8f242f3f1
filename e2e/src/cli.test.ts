/** The CLI as a person uses it, on the real server: the verbs around approvals, turns, terminals, providers and the server itself. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { Approval, StoredEvent, Workspace } from '@berth/wire'
import { SERVER_FILE } from '@berth/wire/server-file'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { modelWords, setUpProviders } from './providers.ts'
import { dirtyRepository, git } from './repository.ts'
import { COMMAND, eventually, startProduct, type Product } from './product.ts'

let product: Product
let model: ScriptedModel
let repository: Awaited<ReturnType<typeof dirtyRepository>>
beforeAll(async () => {
  repository = await dirtyRepository()
  model = await startScriptedModel()
  product = startProduct()
  setUpProviders(product.home, model)
  // Both at once: a second CLI finds the server that the first one starts.
  await Promise.all([
    product.cli(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'plain', '--no-open'], { cwd: repository.dir }),
    product.cli(['up', '.', '--provider', 'local', '--name', 'asking', ...modelWords(model), '--no-open'], { cwd: repository.dir }),
  ])
}, 120_000)
afterAll(async () => {
  await product.close()
  await model.close()
  repository.remove()
}, 60_000)

const read = async (name: string): Promise<Workspace | undefined> => (await product.json<Workspace[]>(['list'])).find((workspace) => workspace.name === name)
const bodies = async (name: string): Promise<StoredEvent['body'][]> => (await product.cli(['events', name, '--json', '--no-follow'])).stdout.trim().split('\n').filter(Boolean).map((line) => (JSON.parse(line) as StoredEvent).body)
const openApproval = (): Promise<Approval> => eventually(async () => (await product.json<Approval[]>(['approvals', 'asking'])).find(({ state }) => state === 'open'), 'an approval')

describe('approvals', () => {
  test('are shown, answered by a prefix of the id, and the loser learns who was first', async () => {
    await product.cli(['send', 'asking', '[[asks 2]]'])
    const first = await openApproval()
    const shown = await product.cli(['approvals'])
    expect(shown.stdout).toContain('echo 1 >> asks.log')
    expect(shown.stdout).toContain(`berth approve ${first.approvalId}`)
    expect(shown.stderr).toContain('1 question waits')
    expect((await product.cli(['list'])).stdout).toContain('■ needs you')

    const allowed = await product.cli(['approve', first.approvalId.slice('apr_'.length, -2)])
    expect(allowed.stdout).toStartWith('Allowed: ')
    const late = await product.cli(['deny', first.approvalId, '--json'], { exit: 1 })
    expect(JSON.parse(late.stdout)).toMatchObject({ error: { code: 'approval_decided' } })
    expect(late.stderr).toContain('cli')

    const second = await eventually(async () => { const next = await openApproval(); return next.approvalId !== first.approvalId && next }, 'the second question')
    const denied = await product.json<Approval>(['deny', second.approvalId, '--message', 'not on a Friday'])
    expect(denied).toMatchObject({ approvalId: second.approvalId, decision: { behavior: 'deny', message: 'not on a Friday' }, decidedBy: { via: 'cli' } })
    await model.waitFor((request) => JSON.stringify(request.body).includes('not on a Friday'))
    await eventually(async () => (await bodies('asking')).some(({ type }) => type === 'turn.ended'), 'the end of the turn')
    const applied = (await bodies('asking')).flatMap((body) => (body.type === 'approval.applied' ? [`${body['behavior']} ${body['via']}`] : []))
    expect(applied).toEqual(['allow cli', 'deny cli'])
    expect(await product.json<Approval[]>(['approvals'])).toEqual([])
    expect((await product.cli(['approvals', '--all'])).stdout).toContain('denied by')
  }, 60_000)

  test('that do not exist say where to look', async () => {
    const wrong = await product.cli(['approve', 'apr_nope'], { exit: 3 })
    expect(wrong.stderr).toContain('berth approvals')
  })
})

describe('turns', () => {
  test('are stopped by stop-turn, which says when there is none', async () => {
    await product.cli(['send', 'asking', '[[long 60]]'])
    await eventually(async () => (await read('asking'))?.agentState === 'busy', 'the turn')
    await model.waitFor((request) => request.selected?.name === 'long')
    await eventually(async () => (await product.json<{ interrupted: boolean }>(['stop-turn', 'asking'])).interrupted, 'the interruption')
    await eventually(async () => (await bodies('asking')).some((body) => body.type === 'turn.ended' && body['outcome'] === 'interrupted'), 'the end of the turn')
    expect((await product.cli(['stop-turn', 'asking'])).stdout).toContain('No turn was running')
  }, 60_000)

  test('keep-alive moves the idle stop, and off takes it back', async () => {
    const kept = await product.json<Workspace>(['keep-alive', 'plain', '--for', '3h'])
    expect(kept.name).toBe('plain')
    expect((await product.cli(['keep-alive', 'plain', '--for', 'off'])).stdout).toContain('stops again when it is idle')
    expect((await product.cli(['keep-alive', 'plain', '--for', '8d'], { exit: 2 })).stderr).toContain('7 days')
  })
})

describe('the terminal', () => {
  test('is watched without a key reaching it, and left by Ctrl-] d', async () => {
    const watching = openTerminal(['attach', 'plain', '--watch'])
    await watching.shows('watching plain')
    await product.cli(['send', 'plain', 'said from outside'])
    await watching.shows('said from outside')
    watching.type('typed while watching\r')
    watching.type('\u001dd')
    expect(await watching.ended).toBe(0)
    await watching.shows('goes on')

    const attached = openTerminal(['attach', 'plain'])
    await attached.shows('said from outside')
    attached.type('typed for real\r')
    await attached.shows('typed for real')
    attached.type('\u001dd')
    expect(await attached.ended).toBe(0)
    expect(attached.text()).not.toContain('typed while watching')
  }, 30_000)
})

describe('the server', () => {
  test('has logs, and an older one is replaced while machines go on', async () => {
    expect((await product.cli(['server', 'logs'])).stdout).toContain('ready on http')
    const path = join(product.home, SERVER_FILE)
    const before = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; url: string }
    writeFileSync(path, JSON.stringify({ ...before, version: '0.0.1' }))
    const listed = await product.cli(['list', '--json'])
    expect(listed.stderr).toContain('replacing the server 0.0.1')
    const after = JSON.parse(readFileSync(path, 'utf8')) as typeof before
    expect(after.pid).not.toBe(before.pid)
    expect(after.url).toBe(before.url)
    await eventually(async () => (await product.json<{ daemons: number }>(['server', 'status'])).daemons === 2, 'both machines at the new server')
    expect((await read('plain'))?.phase).toBe('running')

    // What another program took meanwhile is left to it, and said.
    await product.cli(['server', 'stop'])
    const port = Number(new URL(before.url).port)
    const stranger = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
    try {
      expect((await product.cli(['list'])).stderr).toContain(`port ${port} of this server is not free: it is at http://127.0.0.1:`)
      expect((JSON.parse(readFileSync(path, 'utf8')) as typeof before).url).not.toBe(before.url)
    } finally {
      stranger.stop(true)
    }
    await eventually(async () => (await product.json<{ daemons: number }>(['server', 'status'])).daemons === 2, 'both machines at the server that moved')
  }, 60_000)

  test('clouds are said to be unverified before anybody sets one up, and how that is done', async () => {
    const found = await product.json<{ name: string; detail: string; hint: string | null }[]>(['provider', 'list'])
    expect(found.filter(({ detail }) => detail.endsWith('(unverified live)')).map(({ name }) => name).toSorted()).toEqual(['ec2', 'fly', 'freestyle', 'hetzner', 'kubernetes'])
    // What to type is whole: the bare command would say the same again.
    for (const { name, detail, hint } of found) if (detail.startsWith('not set up')) expect([name, hint]).toEqual([name, expect.stringMatching(new RegExp(`berth provider setup ${name} --\\w`))])
  })

  test('takes the settings of a provider at once, and refuses wrong ones', async () => {
    const said = await product.cli(['provider', 'setup', 'local', '--allow', '10.1.2.3:443'])
    expect(said.stdout).toContain('local is ready')
    const text = readFileSync(join(product.home, 'providers/local.yaml'), 'utf8')
    expect(Bun.YAML.parse(text)).toEqual({ hostPorts: [Number(new URL(model.url).port)], egressAllow: ['10.1.2.3:443'] })
    await product.cli(['provider', 'setup', 'docker', '--base-image', 'host-usr'])
    expect((await product.cli(['provider', 'setup', 'local', '--host-port', '70000'], { exit: 2 })).stderr).toContain('--host-port takes a port')
    expect((await product.cli(['provider', 'setup', 'local', '--socket', '/x'], { exit: 2 })).stderr).toContain('setting of docker')
  }, 30_000)
})

describe('up', () => {
  test('that is interrupted in mid-upload leaves a workspace that says so', async () => {
    const large = await dirtyRepository()
    try {
      writeFileSync(join(large.dir, 'large.bin'), randomBytes(48 * 1024 * 1024))
      const before = await git(large.dir, 'count-objects')
      const child = Bun.spawn([...COMMAND, 'up', '.', '--provider', 'local', '--name', 'cut-off', '--no-open'], { cwd: large.dir, env: product.env, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
      let said = ''
      let pressed = false
      for await (const chunk of child.stderr) {
        said += Buffer.from(chunk).toString()
        // Once: a second Ctrl-C would not let it say anything.
        if (!pressed && said.includes('● Send the code')) { pressed = true; child.kill('SIGINT') }
      }
      expect(await child.exited).toBe(130)
      expect(said).toContain('cut-off is left without its code')
      const left = await eventually(async () => { const found = await read('cut-off'); return found?.phase === 'failed' && found }, 'the failure')
      expect(left.error?.message).toContain('interrupted')
      expect(await git(large.dir, 'count-objects')).toBe(before)
    } finally {
      large.remove()
    }
    await product.cli(['delete', 'cut-off', '-y'])
  }, 60_000)
})

describe('up without an audience', () => {
  test('goes on when nobody reads its progress', async () => {
    const words = [...COMMAND, 'up', repository.dir, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'unheard', '--no-open', '-y', '--json'].map((word) => `'${word}'`).join(' ')
    const child = Bun.spawn(['sh', '-c', `exec 3>&1; { ${words} 2>&1 >&3; echo "code $?" >&3; } | head -c 1 >/dev/null`], { cwd: product.home, env: product.env, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
    const [result = '', code] = (await new Response(child.stdout).text()).trim().split('\n')
    expect(code).toBe('code 0')
    expect(JSON.parse(result)).toMatchObject({ name: 'unheard', phase: 'running' })
  }, 60_000)

  test('that is interrupted while it waits says that the workspace goes on', async () => {
    const child = Bun.spawn([...COMMAND, 'up', repository.dir, '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--name', 'left', '--no-open', '-y'], { cwd: product.home, env: product.env, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
    let said = ''
    let pressed = false
    for await (const chunk of child.stderr) {
      said += Buffer.from(chunk).toString()
      if (!pressed && said.includes('● Make the machine')) { pressed = true; child.kill('SIGINT') }
    }
    expect(await child.exited).toBe(130)
    expect(said).toContain('left goes on by itself')
    await eventually(async () => (await read('left'))?.phase === 'running', 'the workspace')
  }, 60_000)
})

describe('completion', () => {
  test('works in a real bash', async () => {
    const { stdout } = await product.cli(['completion', 'bash'])
    const script = `${stdout}\ncomplete -p berth\nCOMP_WORDS=(berth sto); COMP_CWORD=1; _berth; echo "verbs: \${COMPREPLY[*]}"\nCOMP_WORDS=(berth up --pro); COMP_CWORD=2; _berth; echo "options: \${COMPREPLY[*]}"\n`
    const bash = Bun.spawnSync(['bash', '--norc', '--noprofile', '-eu', '-c', script])
    expect(bash.stderr.toString()).toBe('')
    expect(bash.stdout.toString()).toContain('-F _berth berth')
    expect(bash.stdout.toString()).toContain('verbs: stop stop-turn')
    expect(bash.stdout.toString()).toContain('options: --provider --prompt')
  })
})

/** The CLI in a pseudo-terminal. */
function openTerminal(args: readonly string[]) {
  let text = ''
  const child = Bun.spawn([...COMMAND, ...args], {
    cwd: product.home, env: { ...product.env, TERM: 'xterm-256color' },
    terminal: { cols: 100, rows: 30, data: (_terminal, bytes) => { text += Buffer.from(bytes).toString() } },
  })
  return {
    text: () => text,
    type: (keys: string) => child.terminal?.write(keys),
    ended: child.exited,
    shows: (words: string) => eventually(async () => text.includes(words), `"${words}" on the screen of ${args.join(' ')}`, 15_000).catch((error: unknown) => { throw new Error(`${String(error)}\n${text}`) }),
  }
}

