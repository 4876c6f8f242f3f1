import { command, none } from '../command.ts'

export const sshConfig = command({
  name: 'ssh-config',
  summary: 'Let `ssh berth-<name>`, scp, rsync, git and editors reach your workspaces',
  options: {
    remove: { type: 'boolean', help: 'take it all away again' },
    forget: { type: 'string', value: 'workspace', help: 'forget the host key of one, and take what it shows next' },
    file: { type: 'string', value: 'path', help: 'the configuration that gets the Include (default ~/.ssh/config)' },
  },
  notes: 'Writes one Include into your ssh configuration; the entries are in a file of ours, which is kept as your workspaces come and go.\nConnections of one workspace share a channel for ten minutes. Your agent is not forwarded.',
  examples: ['berth ssh-config', 'ssh berth-demo', 'rsync -a berth-demo:/workspace/dist/ dist/', 'git clone ssh://berth-demo/workspace', 'berth ssh-config --remove'],
  parse({ values, positionals }) {
    none(positionals, 'ssh-config')
    return { remove: values.remove ?? false, forget: values.forget, file: values.file }
  },
  async run(context, { remove, forget, file }) {
    const { io, json } = context
    const { configure, forgetKey, takeAway } = await import('../ssh/configure.ts')
    if (remove) {
      const removed = await takeAway(context, file)
      return io.out(json ? JSON.stringify({ removed }) : removed ? 'Removed.' : 'There was nothing to remove.')
    }
    if (forget !== undefined) {
      const name = await forgetKey(context, forget)
      return io.out(json ? JSON.stringify({ forgot: name }) : `Forgot the host key of ${name}; the next connection takes what it shows.`)
    }
    const { path, hosts } = await configure(context, file)
    if (json) return io.out(JSON.stringify({ file: path, hosts }))
    io.out(hosts.length === 0 ? `${path} is ready; workspaces appear in it as they come.` : `${path} knows ${hosts.map(({ host }) => host).join(', ')}.`)
  },
})
