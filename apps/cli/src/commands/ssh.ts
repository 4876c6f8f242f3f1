import { BerthError } from '@berth/wire/error'
import { command } from '../command.ts'

export const ssh = command({
  name: 'ssh',
  summary: 'Your own ssh into the machine: a shell, a command, ports',
  arguments: '<workspace> [command…]',
  options: {
    'forward-agent': { type: 'boolean', short: 'A', help: 'let the machine sign with the keys of your ssh agent while this connection lasts' },
    start: { type: 'boolean', help: 'start the workspace first when it is stopped' },
    'hand-over': { type: 'boolean', help: 'give ssh an open connection (ProxyUseFdpass); used likewise' },
    stdio: { type: 'boolean', help: 'carry one connection over standard input and output; what `berth ssh-config` writes uses it' },
  },
  notes: 'What follows the workspace is given to OpenSSH as it is: a command, or after `--` its own options.\n`berth ssh-config` makes `ssh berth-<name>`, scp, rsync, git and editors work the same.\nWith -A everything in the workspace, the coding agent too, can use your keys as long as the connection lasts; it cannot read them.',
  examples: ['berth ssh demo', 'berth ssh demo uname -a', 'berth ssh demo -- -t htop', 'berth ssh demo -- -L 8080:localhost:3000 -N', 'berth ssh --start demo', 'berth ssh -A demo git push'],
  restIsTheirs: true,
  parse({ values, positionals }) {
    const [word, ...rest] = positionals
    if (word === undefined) throw new BerthError('bad_request', 'which workspace?', { hint: 'berth ssh <workspace>; see `berth ssh --help`' })
    return { word, rest: rest[0] === '--' ? rest.slice(1) : rest, start: values.start ?? false, forwardAgent: values['forward-agent'] ?? false, stdio: values.stdio ?? false, pass: values['hand-over'] ?? false }
  },
  async run(context, { word, rest, start, forwardAgent, stdio, pass }) {
    if (pass) return (await import('../ssh/hand-over.ts')).handOver(context, { word })
    if (stdio) return (await import('../ssh/stdio.ts')).bridgeStdio(context, { word, start })
    const { runSsh } = await import('../ssh/run-ssh.ts')
    context.exitWith(await runSsh(context, { word, rest, start, forwardAgent }))
  },
})
