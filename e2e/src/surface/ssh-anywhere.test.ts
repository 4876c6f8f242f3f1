/** ssh into an image that has neither an sshd nor a C library: what the toolbox brings is all there is. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { startSshWorld, type SshWorld } from './ssh-world.ts'

const IMAGE = `berth-e2e/no-sshd:${process.pid}`
let world: SshWorld
let scratch = ''

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'berth-no-sshd-'))
  const root = join(scratch, 'root')
  for (const dir of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys', 'run', 'var/lib', 'home/dev', 'workspace']) mkdirSync(join(root, dir), { recursive: true })
  cpSync(Bun.which('busybox') ?? '', join(root, 'bin/busybox'))
  for (const name of ['sh', 'cat', 'ls', 'echo', 'sleep', 'uname', 'id', 'env', 'test', 'tty', 'tar', 'mkdir', 'stty']) symlinkSync('busybox', join(root, 'bin', name))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/dev:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  const imported = Bun.spawnSync(['sh', '-c', `tar -C '${root}' -c . | docker import - '${IMAGE}'`])
  if (imported.exitCode !== 0) throw new Error(imported.stderr.toString())
  const source = join(scratch, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'README.md'), '# bare\n')
  world = await startSshWorld(() => {}, (product) => product.json<Workspace>(['up', source, '--provider', 'docker', '--image', IMAGE, '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y', '--name', 'bare', '--env', 'DECLARED=here']))
}, 120_000)
afterAll(async () => {
  await world?.close()
  Bun.spawnSync(['docker', 'rmi', IMAGE])
  rmSync(scratch, { recursive: true, force: true })
}, 60_000)

test('a command, a terminal, a copy and an editor\'s archive go through the sshd of the toolbox', async () => {
  // The account of that number has the image's name for it.
  expect(await world.ssh('id -un; echo $DECLARED $HOME; test -e /usr/sbin/sshd || echo none here; exit 6')).toMatchObject({ code: 6, stdout: 'node\nhere /home/dev\nnone here\n' })
  expect((await world.ssh('-tt', 'test -t 0 && echo terminal')).stdout.trim()).toBe('terminal')
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)))
  writeFileSync(join(world.home, 'sent'), bytes)
  expect(await world.run(['scp', '-F', world.config, 'sent', `${world.host}:kept`])).toMatchObject({ code: 0 })
  expect(await world.run(['sftp', '-F', world.config, '-b', '-', world.host], { stdin: 'get kept back\n' })).toMatchObject({ code: 0 })
  expect(readFileSync(join(world.home, 'back')).equals(bytes)).toBe(true)
  const archive = await new Response(Bun.spawn(['tar', '-c', '-C', world.home, 'sent'], { stdout: 'pipe' }).stdout).bytes()
  expect(await world.run(['ssh', '-F', world.config, '-T', world.host, 'mkdir -p s && tar -x -C s && ls s'], { stdin: archive })).toMatchObject({ code: 0, stdout: 'sent\n' })
}, 60_000)
