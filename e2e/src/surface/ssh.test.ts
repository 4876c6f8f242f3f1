/** ssh as a person and their editor use it: the real OpenSSH client through `berth ssh --stdio`, into both providers. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@berth/testkit/free-ports'
import type { Workspace } from '@berth/wire'
import { dirtyRepository, git } from '../repository.ts'
import { COMMAND, eventually } from '../product.ts'
import { COUNTING_SERVER, exchange, startSshWorld, type SshWorld } from './ssh-world.ts'

const MB = 1024 * 1024

for (const provider of ['local', 'docker'] as const) {
  describe(`ssh on ${provider}`, () => {
    let world: SshWorld
    let repository: Awaited<ReturnType<typeof dirtyRepository>>
    const name = `ssh-${provider}`

    beforeAll(async () => {
      repository = await dirtyRepository()
      world = await startSshWorld(
        (product) => {
          mkdirSync(join(product.home, 'providers'), { recursive: true })
          writeFileSync(join(product.home, 'providers/docker.yaml'), 'baseImage: host-usr\n')
        },
        (product) => product.json<Workspace>(['up', '.', '--provider', provider, '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y', '--name', name, '--env', 'DECLARED=with "quotes", a \\ and $HOME'], { cwd: repository.dir }),
      )
    }, 120_000)
    afterAll(async () => {
      await world?.close()
      repository?.remove()
    }, 60_000)

    test('up says how to come in, and berth ssh gives exit code, both outputs and the environment', async () => {
      expect(world.workspace).toMatchObject({ ssh: { command: `berth ssh ${name}`, host: `berth-${name}` } })
      const ran = await world.berth(['ssh', name, 'echo "$DECLARED"; echo "$HOME" >&2; id -un; exit 7'], { exit: 7 })
      expect(ran.stdout).toBe('with "quotes", a \\ and $HOME\ndev\n')
      expect(ran.stderr).toBe('/home/dev\n')
      expect((await world.berth(['ssh', name, '--', '-T', 'printf', 'a%sb', '--json'])).stdout).toBe('a--jsonb')
    }, 30_000)

    test('the configuration is one Include, kept as workspaces come and go, and taken away without a trace', async () => {
      const theirs = join(world.home, 'theirs')
      const before = '# mine\nHost other\n  User me\n'
      writeFileSync(theirs, before, { mode: 0o640 })
      await world.berth(['ssh-config', '--file', theirs])
      expect(readFileSync(theirs, 'utf8')).toEndWith(before)
      expect((await world.run(['ssh', '-F', theirs, '-G', world.host])).stdout).toContain(`hostname ${world.workspace.id}`)
      expect(statSync(theirs).mode & 0o777).toBe(0o640)
      expect(statSync(join(world.product.home, 'ssh/id_ed25519')).mode & 0o777).toBe(0o600)
      await world.berth(['ssh-config', '--remove', '--file', theirs])
      expect(readFileSync(theirs, 'utf8')).toBe(before)
      await world.berth(['ssh-config'])
    }, 30_000)

    test('a shell has a terminal, knows the agents by name and says once how to join the one that works; a command gets no such word', async () => {
      const shell = await world.run(['ssh', '-F', world.config, '-tt', world.host], { stdin: 'stty -echo; tty; echo $((6*7)); command -v codex\nexit 5\n' })
      expect(shell.code).toBe(5)
      expect(shell.stdout).toContain('/dev/pts/')
      expect(shell.stdout).toContain('42')
      expect(shell.stdout).toMatch(/^\/.*\/bin\/codex\r?$/m)
      expect(shell.stdout.split(`berth attach ${name}`)).toHaveLength(2)
      expect(await world.ssh('echo plain')).toMatchObject({ code: 0, stdout: 'plain\n' })
      expect((await world.ssh('-tt', 'test -t 0 && echo terminal')).stdout.trim()).toBe('terminal')
    }, 30_000)

    test('scp, sftp and rsync carry bytes there and back', async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(65536))
      const whole = Buffer.concat(Array.from({ length: 48 }, () => bytes))
      writeFileSync(join(world.home, 'sent'), whole)
      expect(await world.run(['scp', '-F', world.config, 'sent', `${world.host}:by-scp`])).toMatchObject({ code: 0 })
      expect(await world.run(['sftp', '-F', world.config, '-b', '-', world.host], { stdin: 'rename by-scp by-sftp\nget by-sftp got\nput got again\n' })).toMatchObject({ code: 0 })
      expect(await world.run(['rsync', '-e', `ssh -F ${world.config}`, '-a', `${world.host}:again`, 'back'])).toMatchObject({ code: 0, stderr: '' })
      expect(readFileSync(join(world.home, 'back')).equals(whole)).toBe(true)
      expect((await world.ssh('stat -c %U again')).stdout).toBe('dev\n')
    }, 40_000)

    test('git clones from the tree and pushes a branch into it', async () => {
      const env = { GIT_SSH_COMMAND: `ssh -F ${world.config}` }
      expect(await world.run(['git', 'clone', '-q', `ssh://${world.host}/workspace`, 'clone'], { env })).toMatchObject({ code: 0 })
      const clone = join(world.home, 'clone')
      writeFileSync(join(clone, 'by-ssh.txt'), 'pushed\n')
      await git(clone, 'add', '.')
      await git(clone, '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'pushed')
      expect(await world.run(['git', 'push', '-q', 'origin', 'HEAD:refs/heads/from-laptop'], { env, cwd: clone })).toMatchObject({ code: 0 })
      expect((await world.ssh('git -C /workspace show from-laptop:by-ssh.txt')).stdout).toBe('pushed\n')
    }, 40_000)

    test('ports and sockets are forwarded here, there and by name', async () => {
      await world.run(['ssh', '-F', world.config, world.host, 'cat > counting.py'], { stdin: COUNTING_SERVER })
      const there = Number(/listeningOn=(\d+)/.exec((await world.ssh('(nohup python3 counting.py $HOME/counting.sock >counting.log 2>&1 </dev/null &); until grep -q listening counting.log; do sleep 0.05; done; cat counting.log')).stdout)?.[1])
      const ours = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('from the laptop') })
      const [local, socks] = [freePort(), freePort()]
      const path = join(world.home, 'here.sock')
      const forwarding = world.start(['ssh', '-F', world.config, '-S', 'none', '-N', '-o', 'ExitOnForwardFailure=yes', '-L', `127.0.0.1:${local}:127.0.0.1:${there}`, '-L', `${path}:/home/dev/counting.sock`, '-R', `127.0.0.1:7099:127.0.0.1:${ours.port}`, '-D', `127.0.0.1:${socks}`, world.host])
      try {
        const much = new Uint8Array(3 * MB)
        expect(await eventually(() => exchange({ port: local }, much), 'the forwarded port', 15_000)).toBe(`counted ${3 * MB}`)
        expect(await exchange({ path }, 'five!')).toBe('counted 5')
        expect((await world.ssh('python3 -c "import urllib.request as u; print(u.build_opener(u.ProxyHandler({})).open(\'http://127.0.0.1:7099\').read().decode())"')).stdout).toBe('from the laptop\n')
        expect((await world.run(['curl', '-sS', '--socks5-hostname', `127.0.0.1:${socks}`, `http://localhost:7099/`])).stdout).toBe('from the laptop')
      } finally {
        forwarding.kill()
        await ours.stop(true)
      }
    }, 60_000)

    test('berth forward carries many connections, each with two halves, and says what is not there', async () => {
      const there = Number(/listeningOn=(\d+)/.exec((await world.ssh('cat counting.log')).stdout)?.[1])
      const forwarding = world.start([...COMMAND, 'forward', name, `0:${there}`, '0:1', '--json'])
      const shown = JSON.parse(await firstLine(forwarding.stdout)) as { local: number; remote: number }[]
      const counted = shown.find(({ remote }) => remote === there)?.local ?? 0
      const sizes = Array.from({ length: 24 }, (_, index) => index * 40_000)
      expect(await Promise.all(sizes.map((size) => exchange({ port: counted }, new Uint8Array(size))))).toEqual(sizes.map((size) => `counted ${size}`))
      expect(await exchange({ port: counted }, new Uint8Array(12 * MB))).toBe(`counted ${12 * MB}`)
      expect(await exchange({ port: shown.find(({ remote }) => remote === 1)?.local ?? 0 }, '').catch(() => '')).toBe('')
      forwarding.kill('SIGINT')
      expect(await forwarding.exited).toBe(0)
      expect(await new Response(forwarding.stderr).text()).toContain('nothing listens on port 1')
    }, 60_000)

    test('a client that knows host and port only comes in too', async () => {
      const forwarding = world.start([...COMMAND, 'forward', name, '0:ssh'])
      const command = /: (ssh .*)$/.exec(await firstLine(forwarding.stdout))?.[1] ?? ''
      expect(await world.run(['sh', '-c', `${command.replace('ssh ', 'ssh -F none ')} 'echo in; exit 9'`])).toMatchObject({ code: 9, stdout: 'in\n' })
      forwarding.kill('SIGINT')
      expect(await forwarding.exited).toBe(0)
    }, 30_000)

    test('a connection over WebSocket, as to a server elsewhere, carries as much both ways', async () => {
      const proxy = /^proxycommand (.*)$/m.exec((await world.run(['ssh', '-F', world.config, '-G', world.host])).stdout)?.[1] ?? ''
      const far = ['ssh', '-F', world.config, '-S', 'none', '-o', 'ProxyUseFdpass=no', '-o', `ProxyCommand=${proxy.replace('--hand-over', '--stdio')}`, world.host]
      const much = 'x'.repeat(12 * MB)
      expect(await world.run([...far, 'cat'], { stdin: much })).toEqual({ code: 0, stdout: much, stderr: '' })
    }, 30_000)

    test('an agent is forwarded when asked and else not, no other key is let in', async () => {
      await world.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'my own key', '-f', 'mine'])
      const inAgent = async (command: string): Promise<string> => (await world.run(['ssh-agent', 'sh', '-c', `ssh-add -q mine && ${command}`])).stdout
      const asked = `'[ -n "$SSH_AUTH_SOCK" ] && ssh-add -L || echo none'`
      expect(await inAgent(`ssh -F ${world.config} ${world.host} ${asked}`)).toBe('none\n')
      expect(await inAgent(`${COMMAND.join(' ')} ssh ${name} -- ${asked}`)).toBe('none\n')
      expect(await inAgent(`${COMMAND.join(' ')} ssh -A ${name} -- ${asked}`)).toContain('my own key')
      expect((await world.berth(['ssh-config', '--forward-agent', name])).stdout).toContain('can sign with your keys')
      expect(await inAgent(`ssh -F ${world.config} ${world.host} ${asked}`)).toContain('my own key')
      await world.berth(['ssh-config', '--no-forward-agent', name])
      expect(await inAgent(`ssh -F ${world.config} ${world.host} ${asked}`)).toBe('none\n')
      await world.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', 'foreign'])
      const proxy = /^proxycommand (.*)$/m.exec((await world.run(['ssh', '-F', world.config, '-G', world.host])).stdout)?.[1] ?? ''
      const options = [`ProxyCommand=${proxy}`, 'ProxyUseFdpass=yes', `UserKnownHostsFile=${world.product.home}/ssh/known_hosts`, `HostKeyAlias=${world.workspace.id}`, 'IdentitiesOnly=yes', 'BatchMode=yes'].flatMap((option) => ['-o', option])
      const foreign = await world.run(['ssh', '-F', 'none', ...options, '-i', 'foreign', `dev@${world.host}`, 'true'])
      expect(foreign).toMatchObject({ code: 255, stdout: '' })
      expect(foreign.stderr).toContain('Permission denied (publickey)')
    }, 30_000)

    test('a machine that shows another host key is refused, by ssh and by berth, until the person says otherwise', async () => {
      const [knownHosts, hosts] = ['known_hosts', 'hosts.json'].map((file) => join(world.product.home, 'ssh', file)) as [string, string]
      const before = readFileSync(knownHosts, 'utf8')
      const other = readFileSync(join(world.home, 'foreign.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
      writeFileSync(knownHosts, before.replace(/ssh-ed25519 \S+/, other))
      const changed = await world.run(['ssh', '-F', world.config, '-S', 'none', world.host, 'true'])
      expect(changed).toMatchObject({ code: 255, stdout: '' })
      expect(changed.stderr).toContain('Host key verification failed')
      writeFileSync(hosts, readFileSync(hosts, 'utf8').replace(/ssh-ed25519 [^"]+/, other))
      expect((await world.berth(['ssh', name, 'true'], { exit: 1 })).stderr).toContain('another host key than before')
      await world.berth(['ssh-config', '--forget', name])
      expect((await world.run(['ssh', '-F', world.config, '-S', 'none', world.host, 'echo in'])).stdout).toBe('in\n')
      expect(readFileSync(knownHosts, 'utf8')).toBe(before)
    }, 40_000)

    test('a second connection goes through the first', async () => {
      const parents = [await world.ssh('echo $PPID'), await world.ssh('echo $PPID')].map(({ stdout }) => stdout.trim())
      expect(parents[0]).toMatch(/^\d+$/)
      expect(parents[1]).toBe(parents[0] ?? '')
      expect((await world.run(['ssh', '-F', world.config, '-O', 'check', world.host])).code).toBe(0)
    }, 30_000)

    test('an editor sets itself up, and finds its server again after the server of berth was away', async () => {
      // As VS Code does: one script on the standard input of a shell without a terminal, then an archive, then a start.
      const detect = await world.run(['ssh', '-F', world.config, '-T', world.host, 'sh'], { stdin: 'echo "sh=$0"; uname -sm; echo "shell=$SHELL"; command -v bash tar >/dev/null && echo tools; mkdir -p ~/.editor-server && echo ready==\n' })
      expect(detect.stdout).toMatch(/^sh=sh\nLinux (x86_64|aarch64)\nshell=\/bin\/bash\ntools\nready==\n$/)
      mkdirSync(join(world.home, 'editor/bin'), { recursive: true })
      writeFileSync(join(world.home, 'editor/bin/server.py'), COUNTING_SERVER)
      const archive = await new Response(Bun.spawn(['tar', '-cz', '-C', join(world.home, 'editor'), '.'], { stdout: 'pipe' }).stdout).bytes()
      expect(await world.run(['ssh', '-F', world.config, '-T', world.host, 'tar -xz -C ~/.editor-server'], { stdin: archive })).toMatchObject({ code: 0, stderr: '' })
      const started = await world.run(['ssh', '-F', world.config, '-T', world.host, 'sh'], { stdin: 'cd ~/.editor-server; nohup python3 bin/server.py ~/.editor-server/control.sock >log 2>&1 </dev/null & pid=$!; cd ~/.editor-server; echo $pid >pid; until grep -q listeningOn log; do sleep 0.05; done; cat log\n' })
      const port = Number(/listeningOn=(\d+)/.exec(started.stdout)?.[1])
      const use = async (): Promise<string[]> => {
        const [local, path] = [freePort(), join(world.home, `e${Date.now()}.sock`)]
        const forwarding = world.start(['ssh', '-F', world.config, '-S', 'none', '-N', '-L', `127.0.0.1:${local}:127.0.0.1:${port}`, '-L', `${path}:/home/dev/.editor-server/control.sock`, world.host])
        try {
          return [await eventually(() => exchange({ port: local }, 'abc'), 'the editor\'s port', 20_000), await exchange({ path }, 'abcd')]
        } finally {
          forwarding.kill()
          await forwarding.exited
        }
      }
      expect(await use()).toEqual(['counted 3', 'counted 4'])
      await world.run(['ssh', '-F', world.config, '-O', 'exit', world.host])
      await world.berth(['server', 'stop'])
      expect((await world.ssh('kill -0 $(cat ~/.editor-server/pid) && echo alive')).stdout).toBe('alive\n')
      expect(await use()).toEqual(['counted 3', 'counted 4'])
    }, 60_000)

    test('editors are told exactly what to open', async () => {
      const said = await world.product.json<{ command: string }>(['open', name, '--ide', 'code'], { env: { HOME: world.home } })
      expect(said.command).toBe(`code --remote ssh-remote+berth-${name} /workspace`)
      const told = async (ide: string): Promise<string> => (await world.product.json<{ command: string }>(['open', name, '--ide', ide], { env: { HOME: world.home } })).command
      for (const ide of ['cursor', 'windsurf']) expect(await told(ide)).toBe(`${ide} --remote ssh-remote+berth-${name} /workspace`)
      expect(await told('zed')).toBe(`zed ssh://berth-${name}/workspace`)
      expect(await told('jetbrains')).toBe(`jetbrains-gateway://connect#type=ssh&deploy=true&host=berth-${name}&port=22&user=dev&projectPath=%2Fworkspace`)
    }, 30_000)

    test('up opens the editor it is told, and refuses one that it does not know before anything is made', async () => {
      const up = await world.berth(['up', name, '--ide', 'windsurf'])
      expect(up.stdout).toContain(`berth ssh ${name}`)
      expect(up.stdout).toEndWith(`windsurf --remote ssh-remote+berth-${name} /workspace\n`)
      for (const [ide, said] of [['code', 'code --remote'], ['cursor', 'cursor --remote'], ['zed', `zed ssh://berth-${name}/workspace`], ['jetbrains', 'jetbrains-gateway://connect']] as const) {
        expect((await world.berth(['up', name, '--ide', ide])).stdout.trim().split('\n').at(-1)).toContain(said)
      }
      expect((await world.berth(['up', '.', '--ide', 'ed'], { exit: 2 })).stderr).toContain('there is no editor "ed"')
    }, 30_000)

    test('a stopped workspace says so, and is started only when asked', async () => {
      await world.run(['ssh', '-F', world.config, '-O', 'exit', world.host])
      await world.berth(['stop', name])
      await eventually(async () => (await world.product.json<Workspace[]>(['list'])).some(({ phase }) => phase === 'stopped'), 'the stop')
      const refused = await world.ssh('true')
      expect(refused.code).toBe(255)
      expect(refused.stderr).toContain(`${name} is stopped`)
      expect((await world.berth(['ssh', '--start', name, 'cat /workspace/README.md'])).stdout).toContain('demo')
      // The machine of before is the machine of after.
      expect((await world.ssh('echo same')).stdout).toBe('same\n')
    }, 60_000)
  })
}

async function firstLine(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  const reader = readable.getReader()
  while (!text.includes('\n')) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`it ended after: ${text}`)
    text += new TextDecoder().decode(value)
  }
  return text.slice(0, text.indexOf('\n'))
}
