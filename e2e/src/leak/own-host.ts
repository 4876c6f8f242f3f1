/** Machines of this host, as processes or as computers, whose server is killed at any moment of a call. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProviderFault, type CallContext, type Owner, type Provider } from '@berth/core'
import { numberOf, type Open, type Vendor } from './vendor.ts'
import { CALLS, providerOf, type Answered, type Call, type Kind, type Made } from './own-process.ts'

/** The longest that a call goes on before its server dies. */
const CUT_WITHIN_MS = 600
const MARKS: Readonly<Record<Kind, string>> = { vm: 'BERTH_VM_OWNER', local: 'BERTH_OWNER' }
/** Of a machine that is on; beside it are its host process and its sandbox. */
const RUNS: Readonly<Record<Kind, RegExp>> = { vm: /^qemu-system/, local: /berth-daemon/ }
/** In place of the daemon: ends when it is told to. */
const DAEMON = '#!/bin/sh\ntrap "exit 0" TERM\nwhile :; do sleep 1000 & wait $!; done\n'
/** A guest that sleeps: `hlt; jmp $-1`, as a boot sector on the least disk that a firmware reads. */
const SLEEPS = Buffer.concat([Buffer.from([0xf4, 0xeb, 0xfd]), Buffer.alloc(507), Buffer.from([0x55, 0xaa]), Buffer.alloc(2 ** 20 - 512)])
const TOOLBOX = 'a1b2c3d4e5f60718'

export const openVm: Open = (opening) => openHost('vm', opening)
export const openLocal: Open = (opening) => openHost('local', opening)

function openHost(kind: Kind, { installation, random, mutation = {}, lookAlike }: Parameters<Open>[0]): Vendor {
  const root = mkdtempSync('/tmp/berth-host-lives-')
  const [home, image, workspaces] = [join(root, 'home'), join(root, 'image.raw'), join(root, 'home', ...(kind === 'vm' ? ['vms'] : []), 'workspaces')]
  mkdirSync(join(root, 'toolbox', TOOLBOX), { recursive: true })
  for (const dir of [home, workspaces]) mkdirSync(dir, { recursive: true, mode: 0o711 })
  writeFileSync(join(root, 'toolbox', TOOLBOX, 'berth-daemon'), DAEMON, { mode: 0o755 })
  writeFileSync(image, SLEEPS)
  const strangers = addStrangers({ kind, workspaces, lookAlike })
  const server = startServer({ kind, installation, home, image })
  const provider = mutation.provider?.(server.provider) ?? server.provider
  const processes = () => processesOf(kind)
  const ofOwner = (key: string): string => (key.startsWith(`${installation}/`) ? numberOf(key.split('/')[1] ?? '') : 'foreign')
  const setImage = (isThere: boolean): void => { if (existsSync(image) !== isThere) renameSync(isThere ? `${image}.away` : image, isThere ? image : `${image}.away`) }
  const stopped = new Set<number>()
  const signalTo = (pid: number, signal: NodeJS.Signals): void => { try { process.kill(pid, signal) } catch { /* It ended meanwhile. */ } }
  const goOn = (): void => {
    for (const pid of stopped) signalTo(pid, 'SIGCONT')
    stopped.clear()
  }
  return {
    provider: { ...provider, ensure: (owner, spec, context) => provider.ensure(owner, { ...spec, memoryBytes: 256 * 2 ** 20, acceptNoIsolation: true, boot: { ...spec.boot, link: { unixSocket: join(root, 'link.sock'), loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: join(root, 'toolbox'), hash: TOOLBOX } } }, context) },
    // What a start began that was cut off is a few empty directories; the next start or the deletion takes them.
    foreign: strangers.names, keeps: ['directory', 'unfinished directory', 'empty directory'], quietTicks: 4,
    running: (id) => processes().some(({ key, command }) => ofOwner(key) === numberOf(id) && RUNS[kind].test(command)),
    charged: () => [
      ...[...new Set(processes().map(({ key }) => key))].map((key) => ({ kind: 'processes', name: key, whose: ofOwner(key) })),
      ...directoriesIn(workspaces, installation),
    ],
    disks: () => [],
    foreignLeft: strangers.left,
    addFault: () => server.cutNext(random.pick(['before', 'after', ...Array.from({ length: 6 }, () => random.int(CUT_WITHIN_MS))])),
    // Only a computer is made of something that can lack. Seldom: nothing of that life is tried again until it is wished for.
    limitCapacity: (to) => setImage(to !== 'none' || random.int(5) > 0),
    setToken: () => {},
    stick(is) {
      if (!is) return goOn()
      for (const { key, pid } of processes()) if (ofOwner(key) !== 'foreign') {
        signalTo(pid, 'SIGSTOP')
        stopped.add(pid)
      }
    },
    switchOff() {
      const mine = processes().filter(({ key }) => ofOwner(key) !== 'foreign')
      if (mine.length > 0) signalTo(random.pick(mine).pid, 'SIGKILL')
    },
    // What a process does without its server is its daemon's to say.
    leaveAlone: () => false,
    calm() {
      server.cutNext(null)
      setImage(true)
      goOn()
    },
    requests: () => server.calls(),
    wrong: () => [],
    async close() {
      goOn()
      await server.close()
      for (const { key, pid } of processes()) if (ofOwner(key) !== 'foreign') signalTo(pid, 'SIGKILL')
      strangers.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** When the server dies: before it does what it is asked for, after it did it, or so many milliseconds from its beginning. */
type CutAt = 'before' | 'after' | number | null

/** Asked as a provider is; after it died, the next call finds a new one. */
function startServer(made: Made): { provider: Provider; cutNext(at: CutAt): void; calls(): number; close(): Promise<void> } {
  let cut: CutAt = null
  let calls = 0
  let child: Bun.Subprocess | null = null
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  const died = (): ProviderFault => new ProviderFault('transient', 'the server was killed', { committed: 'unknown' })
  const begin = (): Bun.Subprocess => Bun.spawn([process.execPath, join(import.meta.dir, 'own-process.ts'), JSON.stringify(made)], {
    stdin: 'ignore', stdout: 'ignore', stderr: 'inherit',
    ipc(answer: Answered) {
      const asker = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('fault' in answer) asker?.reject(new ProviderFault(answer.fault.category, answer.fault.message, answer.fault))
      else asker?.resolve(answer.value)
    },
  })
  const kill = async (): Promise<void> => {
    const killed = child
    child = null
    killed?.kill('SIGKILL')
    await killed?.exited
    for (const { reject } of waiting.values()) reject(died())
    waiting.clear()
  }
  const ask = async (call: Call, args: readonly unknown[]): Promise<unknown> => {
    const at = cut
    cut = null
    calls += 1
    if (at === 'before') {
      await kill()
      throw died()
    }
    child ??= begin()
    const id = calls
    const said = new Promise<unknown>((resolve, reject) => waiting.set(id, { resolve, reject }))
    child.send({ id, call, args: args.map((each) => (each instanceof AbortSignal ? null : isContext(each) ? { poll: each.poll ?? undefined } : each)) })
    if (typeof at === 'number') setTimeout(() => void kill(), at)
    const value = await said
    if (at !== 'after') return value
    await kill()
    throw died()
  }
  const asked = Object.fromEntries(CALLS.map((call) => [call, (...args: unknown[]) => ask(call, args)])) as unknown as Pick<Provider, Call>
  const { setEgress: _, logs, ...rest } = providerOf(made)
  return { provider: { ...rest, ...asked, logs }, cutNext(at) { cut = at }, calls: () => calls, close: kill }
}
const isContext = (value: unknown): value is CallContext => typeof value === 'object' && value !== null && 'signal' in value

/** Living processes that say whose they are. */
function processesOf(kind: Kind): { pid: number; key: string; command: string }[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      const key = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').find((line) => line.startsWith(`${MARKS[kind]}=`))?.slice(MARKS[kind].length + 1)
      if (key === undefined || /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return []
      return [{ pid: Number(pid), key, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }]
    } catch {
      return []
    }
  })
}

/** Of each workspace what lies there, and the directory itself where nothing does. */
function directoriesIn(workspaces: string, installation: string): { kind: string; name: string; whose: string }[] {
  return readdirSync(workspaces).flatMap((id) => {
    const names = readdirSync(join(workspaces, id))
    if (names.length === 0) return [{ kind: 'empty directory', name: id, whose: numberOf(id) }]
    return names.map((name) => ({ kind: name.startsWith('.') ? 'unfinished directory' : 'directory', name: `${id}/${name}`, whose: existsSync(join(workspaces, id, name, 'mine')) ? 'foreign' : isOf(installation, join(workspaces, id, name, 'machine.json')) ? numberOf(id) : name.startsWith('.') ? numberOf(id) : 'nobody' }))
  })
}
function isOf(installation: string, record: string): boolean {
  try {
    return (JSON.parse(readFileSync(record, 'utf8')) as { owner: Owner }).owner.installation === installation
  } catch {
    return false
  }
}

/** A process and a directory of another installation, for workspaces of the same names, and a directory that says of nobody. */
function addStrangers({ kind, workspaces, lookAlike }: { kind: Kind; workspaces: string; lookAlike: readonly Owner[] }): { names: string[]; left(): string[]; close(): void } {
  const theirs = lookAlike.map((owner) => ({ ...owner, installation: 'f'.repeat(32) }))
  const running = theirs.map(({ installation, workspaceId, generation }) => spawn('sleep', ['100000'], { env: { [MARKS[kind]]: `${installation}/${workspaceId}/${generation}` }, stdio: 'ignore' }))
  const directories = theirs.flatMap((owner) => [
    [join(workspaces, owner.workspaceId, `machine-g${owner.generation + 70}`), { version: 1, owner, createdAt: 1, uid: null, isolation: 'vm' }] as const,
    [join(workspaces, `${owner.workspaceId.slice(0, -1)}z`, 'machine-g1'), null] as const,
  ])
  for (const [dir, record] of directories) {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'mine'), 'mine')
    if (record !== null) writeFileSync(join(dir, 'machine.json'), JSON.stringify(record))
  }
  return {
    names: [...running.map(({ pid }) => `process ${pid}`), ...directories.map(([dir]) => dir)],
    left: () => [...running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).map(({ pid }) => `process ${pid}`), ...directories.flatMap(([dir]) => (existsSync(join(dir, 'mine')) ? [dir] : []))],
    close() { for (const child of running) child.kill('SIGKILL') },
  }
}
