/**
 * What it costs that a credential stays with the server: a clone of 100 MB, and a call of a model, through the workspace's
 * gateway, the link and the server, against the same host asked directly, and through programs that do nothing else.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { makeCertificate } from './certificate.ts'
import { startFloorServer } from './floor-server.ts'
import { MB, percentile, pssBytes, RUNS } from './measure.ts'
import type { Bench, Figure } from './measure.ts'
import { BERTH, startProduct } from './product.ts'
import type { Product } from './product.ts'
import { plainOn, processOf } from './workspace.ts'

const PACK_BYTES = 100 * MB
/** Clones at once, of a pack that is larger than all that is kept of one on its way. */
const AT_ONCE = 50
const SMALLER_BYTES = 20 * MB
const GROWTH_MOST_MB = 64
const SETTLE_MS = 3000
/** A clone takes a second, give or take a tenth: what is to be told is less than that. */
const CLONES = 9
const SAMPLE_MS = 100
const CALLS = 100
const WARMING = 20
const CLONE_MOST = 1.1
const ADDED_MOST_MS = 2

export const gateway: Bench = {
  name: 'gateway',
  summary: 'a clone and a call of a model through the server that holds the credential, against the host itself',
  async *run({ signal, note }) {
    const root = mkdtempSync(join(tmpdir(), 'berth-bench-host-'))
    // Every host that people use speaks https, so git pays for its own decryption where nobody is in between.
    const certificate = makeCertificate()
    const product = startProduct(certificate.trust)
    note('making repositories of 100 and 20 MB')
    await repository(join(root, 'big.git'), PACK_BYTES)
    await repository(join(root, 'smaller.git'), SMALLER_BYTES)
    const host = await startFloorServer('upstream.ts', [root, certificate.cert, certificate.key], { scheme: 'https' })
    const bare = await startFloorServer('upstream.ts', [root])
    // As many processes as stand between an agent and a host.
    const near = await startFloorServer('http-relay.ts', [host.url], { env: certificate.trust })
    const relay = await startFloorServer('http-relay.ts', [near.url])
    try {
      for (const { url } of [host, bare]) await kept(product, ['git-host', 'add', url])
      await kept(product, ['model-key', 'add', 'anthropic', '--url', host.url])
      const { id } = await product.json<Workspace>(['up', `${host.url}/big.git`, '--name', 'bench', '--no-open', '-y', ...plainOn('sleep 100000')])
      const inside: Script = (script) => product.cli(['ssh', 'bench', script])
      const outside: Script = async (script) => new Response(Bun.spawn(['/bin/sh', '-c', script], { cwd: root, env: { PATH: process.env['PATH'] ?? '', HOME: root, ANTHROPIC_BASE_URL: host.url, ...certificate.trust }, stderr: 'inherit' }).stdout).text()

      yield* cloned({ host: host.url, bare: bare.url, relay: relay.url, inside, outside, another: (name) => another(root, 'big', name), signal })

      note('bringing workspaces up')
      yield* broughtUp({ product, root, origin: host.url, signal, outside })

      note(`${AT_ONCE} clones at once`)
      for (let at = 1; at <= AT_ONCE; at++) another(root, 'smaller', at)
      const grown = await growth([product.server().pid, processOf(id, 'run')], () => inside(manyClones(host.url)))
      for (const [at, name] of ['server', 'daemon'].entries()) {
        yield { name: `git-clone-memory-${name}`, value: grown[at] ?? 0, unit: 'MB', floor: null, goal: { valueAtMost: GROWTH_MOST_MB }, detail: `the most its PSS grew during ${AT_ONCE} clones at once of a pack of ${SMALLER_BYTES / MB} MB, after one of 100 MB` }
      }

      const calls: { direct: number[]; through: number[] } = { direct: [], through: [] }
      for (let at = 0; at < RUNS; at++) {
        signal.throwIfAborted()
        calls.direct.push(...(JSON.parse(await outside(CALL)) as number[]))
        calls.through.push(...(JSON.parse(await inside(CALL)) as number[]))
      }
      yield { name: 'model-call-added-p50', value: percentile(calls.through, 50) - percentile(calls.direct, 50), unit: 'ms', floor: null, goal: { valueAtMost: ADDED_MOST_MS }, detail: `${RUNS} times ${CALLS} calls, turn about: what the way through the server adds to ${percentile(calls.direct, 50).toFixed(2)} ms` }
      yield { name: 'model-call-added-p95', value: percentile(calls.through, 95) - percentile(calls.direct, 95), unit: 'ms', floor: null, detail: 'the same' }
    } finally {
      await product.close()
      for (const each of [relay, near, bare, host]) await each.close()
      certificate.remove()
      rmSync(root, { recursive: true, force: true })
    }
  },
}

type Script = (script: string) => Promise<string>

/** Clones by hand, turn about. */
async function* cloned({ host, bare, relay, inside, outside, another, signal }: { host: string; bare: string; relay: string; inside: Script; outside: Script; another(name: string): string; signal: AbortSignal }): AsyncGenerator<Figure> {
  const ways = {
    direct: () => outside(clone(host, 'big')), relayed: () => outside(clone(relay, 'big')), first: (at: number) => inside(clone(host, another(`first-${at}`))), through: () => inside(clone(host, 'big')),
    bareDirect: () => outside(clone(bare, 'big')), bareFirst: (at: number) => inside(clone(bare, another(`bare-${at}`))),
  }
  const names = Object.keys(ways) as (keyof typeof ways)[]
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<keyof typeof ways, number[]>
  for (let at = 0; at <= CLONES + 1; at++) {
    signal.throwIfAborted()
    for (const name of names) {
      const ms = millisecondsOf(await ways[name](at))
      // These only warm: the second is written to the server's disk too.
      if (at > 1) taken[name].push(ms)
    }
  }
  const median = (name: keyof typeof ways): number => percentile(taken[name], 50)
  const goal = { ratioAtMost: CLONE_MOST }
  yield { name: 'git-clone', value: median('through'), unit: 'ms', floor: median('direct'), goal, detail: `${CLONES} clones of a pack of 100 MB that was asked for before, turn about; floor: from the host itself` }
  yield { name: 'git-clone-first', value: median('first'), unit: 'ms', floor: median('direct'), goal, detail: 'the same of one that nobody asked for before' }
  yield { name: 'git-clone-first-relayed', value: median('first'), unit: 'ms', floor: median('relayed'), detail: `the same; floor: through two programs that only pass it on, which took ${(median('relayed') / median('direct')).toFixed(2)}x of the host itself` }
  yield { name: 'git-clone-first-http', value: median('bareFirst'), unit: 'ms', floor: median('bareDirect'), goal, detail: 'the same of a host without TLS, as none is that people use; floor: from that host itself' }
}

/** `berth up` of a repository that nobody asked for before, against git alone at the same work. */
async function* broughtUp({ product, root, origin, signal, outside }: { product: Product; root: string; origin: string; signal: AbortSignal; outside: Script }): AsyncGenerator<Figure> {
  const direct: number[] = []
  const through: number[] = []
  for (let at = 0; at <= CLONES; at++) {
    signal.throwIfAborted()
    const floor = millisecondsOf(await outside(cloneAsUp(origin, another(root, 'big', `floor-${at}`))))
    const { steps } = await product.json<Workspace>(['up', `${origin}/${another(root, 'big', `up-${at}`)}.git`, '--name', `up-${at}`, '--no-open', '-y', ...plainOn('sleep 100000')])
    await product.cli(['delete', `up-${at}`, '-y'])
    // The first of each only warms.
    if (at === 0) continue
    direct.push(floor)
    through.push(steps.find(({ step }) => step === 'code')?.durationMs ?? Number.NaN)
  }
  yield {
    name: 'git-clone-up', value: percentile(through, 50), unit: 'ms', floor: percentile(direct, 50), goal: { ratioAtMost: CLONE_MOST },
    detail: `${CLONES} times \`berth up\` of a repository of 100 MB that nobody asked for before, turn about: the whole step that gets the code, of which the server asked ahead while the machine started; floor: the same runs of git (clone without files, checkout, six small ones), from the host itself`,
  }
}

/** Any secret will do: the host asks for none. */
async function kept(product: Product, words: readonly string[]): Promise<void> {
  const child = Bun.spawn([...BERTH, ...words], { env: product.env, stdin: Buffer.from('sk-ant-bench\n'), stdout: 'ignore', stderr: 'inherit' })
  if ((await child.exited) !== 0) throw new BerthError('internal', `berth ${words.slice(0, 2).join(' ')} did not end well`)
}

async function git(args: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn(['git', '-c', 'user.name=b', '-c', 'user.email=b@b', '-c', 'init.defaultBranch=main', ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', HOME: cwd, GIT_CONFIG_NOSYSTEM: '1' }, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new BerthError('internal', `git ${args[0]}: ${said.slice(0, 300)}`)
}

/** Ten files of random bytes, packed once, so that a clone is a copy of the pack. */
async function repository(path: string, bytes: number): Promise<void> {
  const work = `${path}.work`
  mkdirSync(work)
  for (let at = 0; at < 10; at++) await Bun.write(join(work, `part-${at}`), Buffer.concat(Array.from({ length: bytes / 10 / 50_000 }, () => crypto.getRandomValues(Buffer.alloc(50_000)))))
  await git(['init', '-q'], work)
  await git(['add', '.'], work)
  await git(['-c', 'core.compression=0', 'commit', '-qm', 'big'], work)
  await git(['clone', '-q', '--bare', work, path], work)
  await git(['--git-dir', path, 'repack', '-adq'], work)
  // As the hosts do that people use: `berth up` takes the history first, and then the files.
  await git(['--git-dir', path, 'config', 'uploadpack.allowFilter', 'true'], work)
  rmSync(work, { recursive: true, force: true })
}

/** The same repository, at an address that nobody asked for yet. */
function another(root: string, name: string, at: number | string): string {
  symlinkSync(`${name}.git`, join(root, `${name}-${at}.git`))
  return `${name}-${at}`
}

/** Prints the milliseconds. The same words inside and outside: inside, git is led through the server. */
const clone = (origin: string, name: string): string => `cd /tmp && rm -rf clone && since=$(date +%s%N) && git clone -q --bare ${origin}/${name}.git clone && echo $((($(date +%s%N) - since) / 1000000)); rm -rf clone`

/** What the daemon has git do: a clone without files, which git fetches when it checks them out, a branch of its own, and what is small. */
const cloneAsUp = (origin: string, name: string): string => `cd /tmp && rm -rf clone && mkdir clone && cd clone && since=$(date +%s%N) && git clone -q --filter=blob:none -- ${origin}/${name}.git . && git rev-parse --verify -q HEAD >/dev/null && git checkout -q --no-track -B berth/up HEAD && git rev-parse HEAD >/dev/null && (git ls-files --error-unmatch .gitmodules >/dev/null 2>&1; git update-ref refs/berth/source HEAD) && git config --local user.name Berth && git config --local user.email berth@localhost && echo $((($(date +%s%N) - since) / 1000000)); rm -rf /tmp/clone`

/** A clone that failed prints nothing, which must not pass for a fast one. */
function millisecondsOf(printed: string): number {
  const ms = Number(printed)
  if (ms > 0) return ms
  throw new BerthError('internal', `a clone did not end well: ${printed.slice(0, 300)}`)
}

/** Fails when one of them does. */
const manyClones = (origin: string): string => `cd /tmp && set -e; for at in $(seq ${AT_ONCE}); do (rm -rf clone-$at; git clone -q --bare ${origin}/smaller-$at.git clone-$at; rm -rf clone-$at) & all="$all $!"; done; for one in $all; do wait $one; done`

/** In MB, of each process. */
async function growth(pids: readonly number[], work: () => Promise<unknown>): Promise<number[]> {
  await Bun.sleep(SETTLE_MS)
  const before = pids.map(pssBytes)
  let most = before
  const timer = setInterval(() => { most = pids.map((pid, at) => Math.max(most[at] ?? 0, pssBytes(pid))) }, SAMPLE_MS)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return most.map((bytes, at) => (bytes - (before[at] ?? 0)) / MB)
}

/** Prints the milliseconds of each call, by a client that keeps its connection as agents do. */
const CALL = `node -e '
const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 1, messages: [{ role: "user", content: "yes?" }] })
const taken = []
;(async () => {
  for (let at = 0; at < ${CALLS + WARMING}; at++) {
    const since = performance.now()
    const answer = await fetch(process.env.ANTHROPIC_BASE_URL + "/v1/messages", { method: "POST", headers: { "content-type": "application/json" }, body })
    await answer.text()
    if (answer.status !== 200) throw new Error("answered with " + answer.status)
    if (at >= ${WARMING}) taken.push(performance.now() - since)
  }
  console.log(JSON.stringify(taken))
})()'`
