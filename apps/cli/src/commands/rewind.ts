import { BerthError } from '@berth/wire/error'
import { command } from '../command.ts'
import { hang } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { plural } from '../words.ts'

export const rewind = command({
  name: 'rewind',
  summary: 'Put the files back as they were at a checkpoint',
  arguments: '<workspace> <commit>',
  options: {
    yes: { type: 'boolean', short: 'y', help: 'do not ask' },
    conversation: { type: 'boolean', help: "also the agent's conversation, where the agent can" },
  },
  notes: 'The tree as it is becomes a checkpoint first, so this can be undone in the same way. The branch and what was committed stay.',
  examples: ['berth rewind demo 3f2a91c', 'berth rewind demo 3f2a91c -y'],
  parse({ values, positionals }) {
    const [word, commit, ...more] = positionals
    if (!word || !commit || more.length > 0) throw new BerthError('bad_request', 'which workspace, and to which checkpoint?', { hint: 'berth rewind <workspace> <commit>; see `berth checkpoints <workspace>`' })
    if (!/^[0-9a-f]{7,64}$/.test(commit)) throw new BerthError('bad_request', 'a checkpoint is named by at least 7 digits of its commit', { hint: 'see `berth checkpoints <workspace>`' })
    return { word, commit, yes: values.yes ?? false, conversation: values.conversation ?? false }
  },
  async run({ connect, io, json, signal }, { word, commit, yes, conversation }) {
    const { client } = await connect()
    const { id, name } = await resolveWorkspace(client, word, signal)
    if (!yes) {
      if (!io.interactive) throw new BerthError('bad_request', 'going back needs a yes', { hint: `berth rewind ${name} ${commit} -y` })
      io.note(hang('', `This puts all files of ${io.noteStyle.bold(name)} back as they were at ${commit.slice(0, 10)}; what is there now is kept as a checkpoint.`, io.noteColumns))
      if (!/^y(es)?$/i.test(await io.ask('Go back? [y/N] '))) throw new BerthError('cancelled', 'nothing was changed')
    }
    const done = await client.rewind({ id, commit, conversation }, signal)
    if (json) return io.out(JSON.stringify(done))
    io.out(`${plural(done.files, 'file')} put back. \`berth rewind ${name} ${done.before.slice(0, 10)}\` undoes it.`)
    if (done.conversation === 'rewound') io.note('the agent goes on from where its conversation stood then')
    if (done.conversation === 'unsupported') io.note("the agent's conversation stays as it is: this agent cannot be taken back to there")
  },
})
