import { command, none } from '../command.ts'

export const sshConfig = command({
  name: 'ssh-config',
  summary: 'Let `ssh berth-<name>`, scp, rsync, git and editors reach your workspaces',
  options: {
    remove: { type: 'boolean', help: 'take it all away again' },
    forget: { type: 'string', value: 'workspace', help: 'forget the host key of one, and take what it shows next' },
    'forward-agent': { type: 'string', value: 'workspace', help: 'let this one sign with the keys of your ssh agent, for git in an editor there' },
    'no-forward-agent': { type: 'string', value: 'workspace', help: 'no more' },
    file: { type: 'string', value: 'path', help: 'the configuration that gets the Include (default ~/.ssh/config)' },
  },
  notes: 'Writes one Include into your ssh configuration; the entries are in a file of ours, which is kept as your workspaces come and go.\nConnections of one workspace share a channel for ten minutes. Your ssh agent is not forwarded, unless --forward-agent says so: then everything in that workspace can use your keys while you are connected.',
  examples: ['berth ssh-config', 'ssh berth-demo', 'rsync -a berth-demo:/workspace/dist/ dist/', 'git clone ssh://berth-demo/workspace', 'berth ssh-config --remove'],
  parse({ values, positionals }) {
    none(positionals, 'ssh-config')
    return { remove: values.remove ?? false, forget: values.forget, agent: agentFrom(values), file: values.file }
  },
  async run(context, { remove, forget, agent, file }) {
    const { io, json } = context
    const { configure, forgetKey, forwardAgent, takeAway } = await import('../ssh/configure.ts')
    if (remove) {
      const removed = await takeAway(context, file)
      return io.out(json ? JSON.stringify({ removed }) : removed ? 'Removed.' : 'There was nothing to remove.')
    }
    if (forget !== undefined) {
      const name = await forgetKey(context, forget)
      return io.out(json ? JSON.stringify({ forgot: name }) : `Forgot the host key of ${name}; the next connection takes what it shows.`)
    }
    if (agent !== undefined) {
      const name = await forwardAgent(context, agent)
      return io.out(json ? JSON.stringify({ name, forwardAgent: agent.on }) : agent.on ? `Whatever runs in ${name} can sign with your keys while you are connected.` : `${name} does not see your ssh agent any more.`)
    }
    const { path, hosts } = await configure(context, file)
    if (json) return io.out(JSON.stringify({ file: path, hosts }))
    io.out(hosts.length === 0 ? `${path} is ready; workspaces appear in it as they come.` : `${path} knows ${hosts.map(({ host }) => host).join(', ')}.`)
  },
})

function agentFrom(values: { 'forward-agent'?: string | undefined; 'no-forward-agent'?: string | undefined }): { word: string; on: boolean } | undefined {
  const word = values['forward-agent'] ?? values['no-forward-agent']
  return word === undefined ? undefined : { word, on: values['forward-agent'] !== undefined }
}
