import type { Approval } from '@berth/wire'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import { askLines } from '../present.ts'
import { resolveWorkspace } from '../resolve.ts'
import { ago, plural } from '../words.ts'

export const approvals = command({
  name: 'approvals',
  summary: 'List the questions that wait for a person',
  arguments: '[workspace]',
  options: { all: { type: 'boolean', short: 'a', help: 'answered ones too' } },
  examples: ['berth approvals', 'berth approvals demo --json'],
  parse({ values, positionals }) {
    atMost(1, positionals, 'approvals')
    return { word: positionals[0], all: values.all ?? false }
  },
  async run({ connect, io, json, signal }, { word, all }) {
    const { client } = await connect()
    const workspace = word === undefined ? undefined : (await resolveWorkspace(client, word, signal)).id
    const found = await client.listApprovals({ workspace, all: all ? 'true' : 'false' }, signal)
    if (json) return io.out(JSON.stringify(found))
    if (found.length === 0) return io.note('nothing waits for you')
    const names = new Map((await client.listWorkspaces({ deleted: 'true' }, signal)).map(({ id, name }) => [id, name]))
    for (const [index, approval] of found.entries()) {
      if (index > 0) io.out('')
      const [title = '', ...about] = askLines(approval)
      io.out(`${mark(approval, io.style)} ${io.style.bold(title)}`)
      for (const line of about) io.out(`    ${line}`)
      io.out(`    ${io.style.dim([names.get(approval.workspaceId) ?? approval.workspaceId, approval.tool, `asked ${ago(approval.askedAt, Date.now())}`, answer(approval)].filter(Boolean).map((part) => cleanLine(part)).join(' · '))}`)
      if (approval.state === 'open' || approval.state === 'orphaned') io.out(`    ${io.style.dim(`berth approve ${approval.approvalId}  ·  berth deny ${approval.approvalId}`)}`)
    }
    io.note(`\n${plural(found.filter(({ state }) => state === 'open' || state === 'orphaned').length, 'question waits', 'questions wait')}`)
  },
})

function mark(approval: Approval, style: { yellow(text: string): string; green(text: string): string; red(text: string): string; dim(text: string): string }): string {
  if (approval.state === 'open' || approval.state === 'orphaned') return style.yellow('■')
  if (approval.state === 'superseded') return style.dim('·')
  return approval.decision?.behavior === 'deny' ? style.red('✗') : style.green('✓')
}

function answer(approval: Approval): string {
  if (!approval.decision || !approval.decidedBy) return approval.state === 'orphaned' ? 'its asker is gone; an answer wakes the agent' : ''
  return `${approval.decision.behavior === 'allow' ? 'allowed' : 'denied'} by ${approval.decidedBy.who} on ${approval.decidedBy.via}`
}
