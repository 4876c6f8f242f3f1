import { describe, expect, it } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { givenMcp } from './given-servers.ts'

const given = (...words: string[]) => givenMcp({ words, files: [], own: true }, '/')
async function fromFile(content: string) {
  const dir = mkdtempSync(join(tmpdir(), 'berth-mcp-file-'))
  try {
    writeFileSync(join(dir, 'mcp.json'), content)
    return await givenMcp({ words: [], files: ['mcp.json'], own: false }, dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

describe('in the command line', () => {
  it('are a command with its words, or an address', async () => {
    expect((await given(`files=npx -y server "/a b"  --x='y z'`, 'docs=https://mcp.example.com/mcp')).mcp).toEqual({ own: true, servers: [
      { kind: 'stdio', name: 'files', command: 'npx', args: ['-y', 'server', '/a b', '--x=y z'], env: {} },
      { kind: 'http', name: 'docs', url: 'https://mcp.example.com/mcp', headers: {} },
    ] })
  })
  it('are refused by name, and no secret goes into a command line', async () => {
    for (const [word, message] of [['files', /name=command/], ['berth=npx x', /berth: name: that name is taken/], ['a b=x', /name=command/], ['x=run ${TOKEN}', /x: args.0: a command line is seen/], ['x_=run', /x_: name/], ['a__b=run', /taken/]] as const) {
      expect(await given(word).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request', message: expect.stringMatching(message) })
    }
    for (const [word, message] of [['a=ftp://x', /mcp server a: its address begins with neither/], ['a=http://u:hunter2@x/', /mcp server a: its address holds a user/], ['a=HTTPS://hunter2@x', /holds a user/], ['http://u:hunter2@x/', /name=command/]] as const) {
      const refused = await given(word).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'bad_request', message: expect.stringMatching(message) })
      expect(JSON.stringify(refused) + String(refused)).not.toContain('hunter2')
    }
    expect((await given('a=https://x/@scope/mcp?at=a@b')).mcp.servers).toMatchObject([{ kind: 'http', url: 'https://x/@scope/mcp?at=a@b' }])
    expect(await given('x=run', 'X=run').catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('two servers of one name') })
  })
})

describe('in a file', () => {
  it('keep the names of variables, and their values become variables', async () => {
    const { mcp, env, exposures } = await fromFile(JSON.stringify({ mcpServers: {
      'git-hub': { command: 'server', args: ['--stdio'], env: { TOKEN: 'placeholder-value', HOST: '${env:GIT_HOST}', PORT: '${PORT:-80}' } },
      docs: { type: 'http', url: 'https://x.test/${KEY}', headers: { Authorization: 'Bearer ${DOCS_TOKEN}', 'X-Team': 'blue' } },
    } }))
    expect(mcp).toEqual({ own: false, servers: [
      { kind: 'stdio', name: 'git-hub', command: 'server', args: ['--stdio'], env: { TOKEN: '${MCP_GIT_HUB_TOKEN}', HOST: '${GIT_HOST}', PORT: '${PORT}' } },
      { kind: 'http', name: 'docs', url: 'https://x.test/${KEY}', headers: { Authorization: 'Bearer ${DOCS_TOKEN}', 'X-Team': '${MCP_DOCS_X_TEAM}' } },
    ] })
    expect(env).toEqual({ MCP_GIT_HUB_TOKEN: 'placeholder-value', MCP_DOCS_X_TEAM: 'blue' })
    expect(exposures.map(({ name }) => name)).toEqual(['MCP_GIT_HUB_TOKEN', 'MCP_DOCS_X_TEAM'])
  })
  it('may be in the form of another editor, and are refused when they are none', async () => {
    expect((await fromFile('{"servers":{"a":{"command":"run"}}}')).mcp.servers).toMatchObject([{ name: 'a', command: 'run' }])
    // As VS Code keeps it.
    expect((await fromFile('{ // mine\n "servers": {"a": {"command": "run", "env": {"U": "https://x.test"}},} }')).mcp.servers).toMatchObject([{ name: 'a', command: 'run' }])
    expect(await fromFile('{ placeholder-secret').catch((error: unknown) => error)).toMatchObject({ code: 'config_invalid', message: expect.not.stringContaining('placeholder') })
    expect(await fromFile('{}').catch((error: unknown) => error)).toMatchObject({ code: 'config_invalid' })
    expect(await fromFile('{"mcpServers":{"a":{"type":"sse","url":"https://x.test"}}}').catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('SSE') })
    for (const key of ['mcpServers', 'servers']) {
      const refused = await fromFile(`{"${key}":{"b":{"command":"run"},"a":{"command":"run","env":{"PORT":8080}}}}`).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(/^mcp\.json: mcp server a: env: PORT: .*expected string/) })
      expect(String(refused)).not.toContain('8080')
    }
    expect(await fromFile('{"mcpServers":{"a":{"url":"https://u:p@x"}}}').catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('mcp server a: its address holds') })
    expect(await fromFile('{"mcpServers":{"a":{}}}').catch((error: unknown) => error)).toMatchObject({ message: expect.stringContaining('mcp server a: command') })
  })
})
