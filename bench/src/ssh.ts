/**
 * OpenSSH's client into a container: over the server and the link, as `berth ssh-config` sets it up, against an sshd that
 * listens in the same container, as the same user, reached over the container's own network. Direct once with what OpenSSH
 * chooses by itself, once with the cipher that our configuration prefers.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { median, MB, RUNS, sideBySide, spread, timed } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'
import { bringUp } from './workspace.ts'

const BYTES = 400 * MB
const PORT = 2222
const CONNECTS = 4
/** What `aes` in the processor makes cheap; named first in our configuration. */
const CIPHER = 'aes128-gcm@openssh.com'

export const ssh: Bench = {
  name: 'ssh',
  summary: 'ssh through the link against an sshd that listens in the same container',
  async *run({ signal }) {
    const product = startProduct()
    try {
      const ways = await prepare(product)
      const rate = (way: readonly string[], move: typeof down) => async () => BYTES / MB / ((await timed(() => move(way))) / 1000)
      for (const [name, move] of [['down', down], ['up', up]] as const) {
        const chosen = await sideBySide(signal, rate(ways.ours, move), rate(ways.direct, move))
        yield { name: `ssh-${name}`, value: chosen.value, unit: 'MB/s', floor: chosen.floor, goal: { ratioAtLeast: 0.8 }, detail: `${BYTES / MB} MB, ${name === 'down' ? 'from' : 'into'} the container; floor: a direct sshd with OpenSSH's own choice of cipher; ${spread(chosen.values, 'MB/s')}` }
        const same = await sideBySide(signal, rate(ways.ours, move), rate([...ways.direct.slice(0, -1), '-c', CIPHER, ...ways.direct.slice(-1)], move))
        yield { name: `ssh-${name}-same-cipher`, value: same.value, unit: 'MB/s', floor: same.floor, detail: `the same; floor: a direct sshd with ${CIPHER}, as ours; ${spread(same.values, 'MB/s')}` }
      }
      // Several in each turn, since one is over before the machine has settled.
      const connect = (way: readonly string[]) => async () => median(await inTurn(CONNECTS, () => timed(() => run([...way, 'true']))))
      const connected = await sideBySide(signal, connect(ways.ours), connect(ways.direct))
      yield { name: 'ssh-connect', value: connected.value, unit: 'ms', floor: connected.floor, goal: { ratioAtMost: 1.5 }, detail: `\`ssh host true\` with a connection of its own; floor: a direct sshd; ${RUNS} runs of ${CONNECTS}, ${spread(connected.values, 'ms')}` }
      await run([...ways.shared, 'true'])
      const shared = await inTurn(RUNS * CONNECTS, () => timed(() => run([...ways.shared, 'true'])))
      yield { name: 'ssh-connect-shared', value: median(shared), unit: 'ms', floor: connected.floor, detail: `through a connection that is there (ControlMaster); floor: a direct sshd, alone; ${spread(shared, 'ms')}` }
      await run([...ways.shared.slice(0, -1), '-O', 'exit', ...ways.shared.slice(-1)])
    } finally {
      await product.close()
    }
  },
}

/** argv up to the host. */
interface Ways { readonly ours: readonly string[]; readonly shared: readonly string[]; readonly direct: readonly string[] }

async function prepare(product: Product): Promise<Ways> {
  mkdirSync(join(product.home, 'providers'), { recursive: true })
  writeFileSync(join(product.home, 'providers/docker.yaml'), 'baseImage: host-usr\n')
  await bringUp(product, 'bench-ssh', ['--provider', 'docker', '--agent', 'plain', '--command', 'sleep 100000'])
  const config = join(product.home, 'ssh-config')
  await product.cli(['ssh-config', '--file', config])
  const key = join(product.home, 'ssh/id_ed25519')
  const ours = ['ssh', '-F', config, '-S', 'none', 'berth-bench-ssh']
  const publicKey = (await Bun.file(`${key}.pub`).text()).trim()
  const address = (await run([...ours, directSshd(publicKey)])).trim().split('\n').at(-1) ?? ''
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) throw new BerthError('unsupported', `the container's address is not seen: ${address.slice(0, 100)}`)
  const direct = ['ssh', '-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-p', String(PORT), `dev@${address}`]
  return { ours, direct, shared: ['ssh', '-F', config, 'berth-bench-ssh'] }
}

/** As plain as an unprivileged one can be; lives on when the connection that started it ends, and says where. */
function directSshd(publicKey: string): string {
  return `set -e; mkdir -p ~/direct; cd ~/direct; ssh-keygen -q -t ed25519 -N '' -f key; echo '${publicKey}' >keys
printf 'Port ${PORT}\\nHostKey %s/key\\nAuthorizedKeysFile %s/keys\\nUsePAM no\\nStrictModes no\\nPidFile %s/pid\\n' "$PWD" "$PWD" "$PWD" >config
nohup /usr/sbin/sshd -D -f ~/direct/config >log 2>&1 </dev/null &
until [ -s pid ]; do sleep 0.05; done; tail -n 1 /etc/hosts | cut -f 1`
}

const down = (way: readonly string[]): Promise<unknown> => run([...way, `head -c ${BYTES} /dev/zero`], { discard: true })
const up = (way: readonly string[]): Promise<unknown> => run(['sh', '-c', `head -c ${BYTES} /dev/zero | exec "$@"`, 'sh', ...way, 'cat >/dev/null'])

async function run(argv: readonly string[], options: { discard?: boolean } = {}): Promise<string> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: options.discard === true ? 'ignore' : 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([child.stdout === undefined || options.discard === true ? '' : new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new BerthError('internal', `${argv[0]} ended with ${code}: ${stderr.trim().slice(-300)}`)
  return stdout
}

async function inTurn(times: number, work: () => Promise<number>): Promise<number[]> {
  const values: number[] = []
  for (let time = 0; time < times; time++) values.push(await work())
  return values
}
