/** Two workspaces on one host come to nothing of each other, nor of the host; and the same tries find it where nothing stands in between. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { openSshBench, type SshBench } from '../testing/ssh-bench.ts'
import { namesOf } from './names.ts'

const signal = new AbortController().signal
const installation = randomBytes(16).toString('hex')
const [one, other] = ['ws_0000000000aa', 'ws_0000000000bb'].map((workspaceId): Owner => ({ installation, workspaceId, generation: 1 })) as [Owner, Owner]
const LOOPBACK_PORT = 4000
const ANY_PORT = 4001

/** Answers whoever connects, on the machine's loopback and on all of its addresses, and keeps the secret in its environment and argv. */
const serve = (secret: string): string => [
  'import socket, sys, threading',
  'def run(listener):',
  '    while True:',
  '        client = listener.accept()[0]',
  '        client.sendall(sys.argv[1].encode())',
  '        client.close()',
  `listeners = [socket.create_server(("127.0.0.1", ${LOOPBACK_PORT})), socket.create_server(("0.0.0.0", ${ANY_PORT}))]`,
  'for listener in listeners: threading.Thread(target=run, args=(listener,)).start()',
  `open("/tmp/ready", "w").write("${secret.length}")`,
].join('\n')

let bench: SshBench
const secrets = new Map<Owner, { file: string; process: string; port: string; address: string }>()
const secretsOf = (owner: Owner) => {
  const found = secrets.get(owner)
  if (found === undefined) throw new Error('not laid')
  return found
}

async function lay(owner: Owner): Promise<void> {
  const secret = { file: `file-${randomBytes(8).toString('hex')}`, process: `process-${randomBytes(8).toString('hex')}`, port: `port-${randomBytes(8).toString('hex')}` }
  const shell = (command: string) => bench.inside(owner, ['sh', '-c', command])
  const files = ['/workspace', '/home/dev', '/tmp', '/dev/shm', '/var/tmp'].map((dir) => `echo ${secret.file} > ${dir}/prey && chmod 666 ${dir}/prey && chmod 777 ${dir} 2>/dev/null`).join(';')
  await shell(`${files}; cd /tmp; PREY=${secret.process} setsid python3 -c '${serve(secret.port)}' ${secret.port} ${secret.process} > /dev/null 2>&1 < /dev/null & while [ ! -s /tmp/ready ]; do sleep 0.05; done`)
  const { stdout } = await shell('hostname -I')
  secrets.set(owner, { ...secret, address: stdout.trim().split(' ')[0] ?? '' })
}

/** What a hostile program tries; prints all that it gets. `whole`: the paths of the host, where a view of one's own does not hide them. */
const tries = {
  file: (owner: Owner) => `for dir in /workspace /home /tmp /var /run /opt /dev/shm /etc /root /mnt /srv ${namesOf(owner).place}; do find $dir -name prey -exec cat {} + 2>/dev/null; done; for p in /proc/[0-9]*; do cat $p/root/workspace/prey $p/cwd/prey 2>/dev/null; done`,
  process: () => 'for p in /proc/[0-9]*; do tr "\\0" "\\n" < $p/cmdline; tr "\\0" "\\n" < $p/environ; done 2>/dev/null; ps axeww',
  port: (owner: Owner) => [`127.0.0.1/${LOOPBACK_PORT}`, `127.0.0.1/${ANY_PORT}`, `${secretsOf(owner).address}/${LOOPBACK_PORT}`, `${secretsOf(owner).address}/${ANY_PORT}`, `${bench.host.address}/${ANY_PORT}`]
    .map((at) => `timeout 2 bash -c 'exec 3<>/dev/tcp/${at} && cat <&3' 2>/dev/null`).join('; '),
} as const
const KINDS = ['file', 'process', 'port'] as const

const METADATA = '169.254.169.254'
/** To the host, what is beside it and the address at which clouds tell secrets. */
const networkTries = () => ({
  sshd: `timeout 2 bash -c 'exec 3<>/dev/tcp/${bench.host.address}/22 && head -c 4 <&3' 2>/dev/null`,
  gateway: `timeout 2 bash -c 'exec 3<>/dev/tcp/'$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p')'/22 && head -c 4 <&3' 2>/dev/null`,
  metadata: `curl -sf -m 2 -o /dev/null http://${METADATA}/ && echo got`,
  private: `curl -sf -m 2 ${bench.beside}`,
})

/** Which secrets of `prey` a program of `hunter` gets. */
async function caught(hunter: Owner, prey: Owner): Promise<string[]> {
  const found: string[] = []
  for (const kind of KINDS) if ((await bench.inside(hunter, ['sh', '-c', tries[kind](prey)])).stdout.includes(secretsOf(prey)[kind])) found.push(kind)
  return found
}

beforeAll(async () => {
  bench = await openSshBench('ssh-isolation')
  await bench.provider(installation).ensure(one, bench.spec, { signal })
  await bench.provider(installation, { egressAllow: [] }).ensure(other, bench.spec, { signal })
  for (const owner of [one, other]) await lay(owner)
}, 120_000)
afterAll(async () => { await (bench as SshBench | undefined)?.close() })

describe('two workspaces on one host', () => {
  test('the tries find what is there: each workspace its own files, processes and ports', async () => {
    for (const owner of [one, other]) expect(await caught(owner, owner)).toEqual([...KINDS])
  }, 60_000)

  test('neither reads files of the other, sees its processes or connects to its ports', async () => {
    expect(await caught(one, other)).toEqual([])
    expect(await caught(other, one)).toEqual([])
  }, 60_000)

  test('both may use the same port', async () => {
    for (const owner of [one, other]) expect((await bench.inside(owner, ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${LOOPBACK_PORT} && cat <&3`])).stdout).toBe(secretsOf(owner).port)
  })

  test('another account of the host comes to nothing of them but what ps shows', async () => {
    for (const owner of [one, other]) {
      for (const kind of ['file', 'port'] as const) expect((await bench.host.look(`runuser -u games -- sh -c "$(cat <<'prey'\n${tries[kind](owner)}\nprey\n)"`)).stdout).not.toContain(secretsOf(owner)[kind])
      expect((await bench.host.look(`runuser -u games -- sh -c 'cat /proc/[0-9]*/environ' 2>/dev/null | tr '\\0' '\\n'`)).stdout).not.toContain(secretsOf(owner).process)
      // Root does: the tries are good ones there too.
      expect((await bench.host.look(tries.file(owner))).stdout).toContain(secretsOf(owner).file)
    }
  }, 60_000)

  test('neither comes to the host: its files, accounts, sshd, engine, metadata address or what is private beside it', async () => {
    await bench.host.exec('touch /run/docker.sock')
    await bench.host.exec(`ip addr add ${METADATA}/32 dev lo && systemd-run -q --unit=prey python3 -m http.server --bind ${METADATA} 80 && until curl -sf -o /dev/null http://${METADATA}/; do sleep 0.1; done`)
    const tried = {
      ...networkTries(),
      engine: 'ls /run/docker.sock /var/run/docker.sock 2>/dev/null',
      files: 'ls /root/.ssh /home/admin /var/lib/cloud /etc/ssh /etc/shadow /etc/sudoers /boot 2>/dev/null',
      accounts: 'grep admin /etc/passwd',
      root: 'setpriv --reuid=0 id -u 2>/dev/null',
      mount: 'mount -t tmpfs none /tmp 2>/dev/null && echo mounted',
      kernel: 'echo 1 2>/dev/null > /proc/sys/kernel/sysrq && echo wrote',
      daemon: 'cat /berth/boot.json /var/lib/berth/* 2>/dev/null; kill -9 1 2>/dev/null && echo killed',
      programs: 'touch /opt/berth/x /usr/x /etc/x 2>/dev/null && echo wrote',
    }
    for (const [name, command] of Object.entries(tried)) expect({ name, got: (await bench.inside(other, ['sh', '-c', command])).stdout }).toEqual({ name, got: '' })
    // Not even the daemon, root of its view, changes the host's programs or kernel.
    expect((await bench.inside(other, ['sh', '-c', 'for path in /usr/x /etc/x /proc/sys/kernel/sysrq; do echo 0 > $path && echo wrote; done 2>/dev/null'], 'daemon')).stdout).toBe('')
    // As root on the host they find it, and what was allowed to one workspace is open to that one alone.
    for (const command of [tried.engine, tried.files, tried.accounts]) expect((await bench.host.look(command)).stdout).not.toBe('')
    expect((await bench.inside(one, ['sh', '-c', tried.private])).stdout).toBe('beside')
    // The server's link stands at a private address too, and is reached.
    expect((await bench.inside(one, ['curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', bench.spec.boot.link.publicUrl ?? ''])).stdout).toBe('404')
  }, 60_000)

  test('closed, a workspace reaches its server and nothing else, and open again the rest', async () => {
    const provider = bench.provider(installation)
    const asked = async () => (await bench.inside(one, ['curl', '-sS', '-m', '5', bench.beside])).stdout
    expect(await asked()).toBe('beside')
    await provider.setEgress?.(one, 'closed', { signal })
    expect(await asked()).toBe('')
    expect((await bench.inside(one, ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', bench.spec.boot.link.publicUrl ?? ''])).stdout).toBe('404')
    await provider.setEgress?.(one, 'open', { signal })
    expect(await asked()).toBe('beside')
  }, 60_000)

  test('without its walls a port is reached from next door: it is they that refuse', async () => {
    for (const owner of [one, other]) await bench.host.exec(`nft delete table inet ${namesOf(owner).table}`)
    expect(await caught(one, other)).toEqual(['port'])
    expect(await caught(other, one)).toEqual(['port'])
    const { sshd, gateway, metadata } = networkTries()
    for (const [command, got] of [[sshd, 'SSH-'], [gateway, 'SSH-'], [metadata, 'got']] as const) expect((await bench.inside(other, ['sh', '-c', command])).stdout).toBe(got)
  }, 60_000)
})
