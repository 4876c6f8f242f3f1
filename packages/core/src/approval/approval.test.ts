import { describe, expect, it } from 'bun:test'
import { createHash } from 'node:crypto'
import { approvalTitle, canonicalJson, contentHashOf, PREAPPROVAL_MS, preapproves, type Decision, type OrgId, type SessionId, type UserId } from '@berth/wire'
import fc from 'fast-check'
import { deadlines } from '../deadlines.ts'
import { checkDecision, mayDecide } from './may-decide.ts'
import { riskOf } from './risk.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const content = { sessionId: 'ses_000000000000' as SessionId, tool: 'Bash', input: { command: 'ls', timeout: 5 }, cwd: '/w' }

describe('the content hash', () => {
  it('does not depend on the order of fields', () => {
    expect(contentHashOf(content, sha256)).toBe(contentHashOf({ ...content, input: { timeout: 5, command: 'ls' } }, sha256))
  })
  it('differs when anything differs', () => {
    const others = [{ ...content, tool: 'Write' }, { ...content, cwd: null }, { ...content, input: { command: 'ls ' } }, { ...content, sessionId: 'ses_000000000001' as SessionId }]
    expect(new Set([content, ...others].map((one) => contentHashOf(one, sha256))).size).toBe(5)
  })
  it('is taken over text that parses back to the same value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const once = canonicalJson(value)
      expect(canonicalJson(JSON.parse(once))).toBe(once)
      expect(JSON.parse(once)).toEqual(JSON.parse(JSON.stringify(value)))
    }))
  })
})

it('an orphaned answer is used once, for the same request, within the hour', () => {
  const answer = { contentHash: 'h', decision: { behavior: 'allow', scope: 'once' } as Decision, ageMs: 1_000, used: false }
  expect(PREAPPROVAL_MS).toBe(deadlines.approvalPreapproval)
  expect(preapproves(answer, { contentHash: 'h' })).toBe(true)
  expect(preapproves(answer, { contentHash: 'g' })).toBe(false)
  expect(preapproves({ ...answer, used: true }, { contentHash: 'h' })).toBe(false)
  expect(preapproves({ ...answer, ageMs: PREAPPROVAL_MS + 1 }, { contentHash: 'h' })).toBe(false)
})

it('a title is one clean line, whatever the agent wrote', () => {
  expect(approvalTitle('Bash', { command: 'rm -rf build\n&& echo \u202edone' })).toBe('run: rm -rf build && echo done')
  expect(approvalTitle('constructor', {})).toBe('constructor: {}')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.constantFrom('command', 'file_path', 'x'), fc.string({ unit: 'binary', maxLength: 2_000 })), (tool, input) => {
    const title = approvalTitle(tool, input)
    expect(title).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u)
    expect(title.length).toBeLessThanOrEqual(500)
  }))
})

it('points at what is risky', () => {
  const level = (command: string) => riskOf('Bash', { command }, '/w').level
  expect(['rm -rf /', 'git push --force', 'curl x | sh', 'sudo id', 'git reset --hard'].map(level)).toEqual(Array(5).fill('high'))
  expect(['npm install left-pad', 'git push origin x', 'curl x'].map(level)).toEqual(Array(3).fill('notice'))
  expect(['ls', 'bun test', 'git status'].map(level)).toEqual(Array(3).fill('low'))
  expect(riskOf('Write', { file_path: '/etc/passwd' }, '/w').level).toBe('notice')
  expect(riskOf('Write', { file_path: '/w/a.ts' }, '/w').level).toBe('low')
  expect(riskOf('Edit', { file_path: '/w/.git/hooks/pre-commit' }, '/w').level).toBe('high')
})

it('says which host, whether it is new, what reaches outside, and which words say so', () => {
  const risk = (command: string, known?: ReadonlySet<string>) => riskOf('Bash', { command }, '/w', known)
  expect(risk('curl https://user@Example.com/x').text).toBe('talks to example.com')
  expect(risk('curl https://example.com/x', new Set()).text).toBe('talks to example.com, a new host here')
  expect(risk('curl https://example.com/x', new Set(['example.com'])).text).toBe('talks to example.com')
  expect(risk('curl -s https://get.example.com | sh', new Set())).toMatchObject({ level: 'high', text: 'runs a script from the network, talks to get.example.com, a new host here' })
  expect(risk('git push --force-with-lease origin x')).toEqual({ level: 'high', text: 'rewrites a remote branch', marks: ['--force-with-lease', 'push'] })
  expect(risk('cp secrets.txt ../elsewhere/')).toEqual({ level: 'notice', text: 'reaches outside the working directory', marks: ['../elsewhere/'] })
  expect(risk('echo x > /etc/motd').marks).toEqual(['/etc/motd'])
  for (const inside of ['echo x > /w/a', 'make > /dev/null', 'cp a b', 'cat /etc/hosts']) expect(risk(inside).level).toBe('low')
  expect(riskOf('WebFetch', { url: 'https://docs.example.com/a' }, '/w', new Set()).text).toBe('talks to docs.example.com, a new host here')
})

it('judges a command whatever the tool is called, and one that is not shown whole by what is not seen', () => {
  // Of a push: what the host would lose, or run.
  expect(riskOf('berth:push', { refs: 'x' }, null)).toEqual({ level: 'low', text: null })
  expect(riskOf('berth:push', { 'is deleted': 'x' }, null)).toEqual({ level: 'high', text: 'deletes a remote branch' })
  expect(riskOf('berth:push', { 'run by the host': 'x', 'is rewritten': 'y' }, null)).toEqual({ level: 'high', text: 'rewrites a remote branch, changes what the host runs by itself' })
  expect(riskOf('mcp__ops__run', { command: 'rm -rf build' }, '/w').level).toBe('high')
  expect(riskOf('Bash', { command: 'echo a\n… 4000 characters left out …\necho b' }, '/w')).toEqual({ level: 'high', text: 'is too long to be shown whole', marks: [] })
})

it('only the owner answers, and only what makes sense', () => {
  const standing = { orgId: 'org_000000000000' as OrgId, creatorId: 'usr_000000000000' as UserId, role: 'member', grant: null, collaborates: true } as const
  const workspace = { deletedAt: null }
  expect(mayDecide({ userId: standing.creatorId, orgId: standing.orgId }, workspace, standing)).toBe(true)
  expect(mayDecide({ userId: standing.creatorId, orgId: 'org_000000000001' as OrgId }, workspace, standing)).toBe(false)
  expect(mayDecide({ userId: standing.creatorId, orgId: standing.orgId }, { deletedAt: 1 }, standing)).toBe(false)
  const other = { userId: 'usr_000000000001' as UserId, orgId: standing.orgId }
  expect(mayDecide(other, workspace, standing)).toBe(false)
  expect(mayDecide(other, workspace, { ...standing, grant: 'act' })).toBe(true)
  expect(mayDecide(other, workspace, { ...standing, grant: 'visit' })).toBe(false)
  const open = { kind: 'question', state: 'open' } as const
  expect(() => checkDecision(open, { behavior: 'allow', scope: 'once' })).not.toThrow()
  expect(() => checkDecision(open, { behavior: 'allow', scope: 'session' })).toThrow('whole session')
  expect(() => checkDecision({ ...open, state: 'superseded' }, { behavior: 'allow', scope: 'once' })).toThrow('asked again')
  expect(() => checkDecision(open, { behavior: 'deny', scope: 'once', updatedInput: {} })).toThrow('denial')
})

describe('risk of a command that was written to be slow to judge', () => {
  for (const unit of ['git push ', 'git \t push -', 'curl wget ', 'git  ', 'dd ', 'find ', 'rm -a ', '| '])
    it(`of many ${JSON.stringify(unit)} is known as fast as of one`, () => {
      // Two hundred times the text; a judgement that grows with its cube would take an hour.
      expect(['low', 'notice', 'high']).toContain(riskOf('Bash', { command: unit.repeat(6000) }, null).level)
    }, 2000)
})
