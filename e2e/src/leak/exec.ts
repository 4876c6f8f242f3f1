/** Machines of a person's own commands: the documented example, which is cut off at any line as its server may be. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Owner } from '@berth/core'
import { createExecProvider } from '@berth/providers/exec'
import { numberOf, type Open } from './vendor.ts'

const EXAMPLE = resolve(import.meta.dir, '../../../docs/exec/machines.py')
const PYTHON = ['/usr/bin/python3', '-I'] as const
/** Lines of the example that a call runs through, about. */
const LINES = 120
/** In place of the daemon: ends when it is told to. */
const DAEMON = '#!/bin/sh\ntrap "exit 0" TERM\nwhile :; do sleep 1000 & wait $!; done\n'

/** Runs the example as the plan says: `none`, `before` (it never begins), `after` (its answer is lost), `lines n` (killed there), `exit n` (it refuses), `part` (its list says that it lacks something). */
const CUT = `import os, sys
plan, example = open(sys.argv[1]).read().split(), sys.argv[2]
sys.argv = sys.argv[2:]
code = compile(open(example).read(), example, "exec")
world = {"__name__": "__main__"}
verb = sys.argv[-1]
if plan[0] == "before": sys.exit(17)
if plan[0] == "exit": sys.exit(int(plan[1]))
if plan[0] == "part" and verb == "list":
    print('{"version":1,"machines":[],"complete":false}')
    sys.exit(0)
if plan[0] == "after": os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
if plan[0] == "lines":
    left = [int(plan[1])]
    def trace(frame, event, _):
        if frame.f_code.co_filename != example: return None
        if event == "line":
            left[0] -= 1
            if left[0] <= 0: os.kill(os.getpid(), 9)
        return trace
    sys.settrace(trace)
try:
    exec(code, world)
finally:
    sys.settrace(None)
if plan[0] == "after": os.kill(os.getpid(), 9)
`

export const openExec: Open = ({ installation, random, mutation = {}, lookAlike }) => {
  const root = mkdtempSync('/tmp/berth-exec-lives-')
  const [machines, plan, cut] = [join(root, 'machines'), join(root, 'plan'), join(root, 'cut.py')]
  let calls = 0
  const setPlan = (text: string): void => writeFileSync(plan, text)
  setPlan('none')
  writeFileSync(cut, CUT)
  const link = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(DAEMON) })
  const strangers = addStrangers(machines, lookAlike)
  const made = createExecProvider({ installation, log: () => {}, command: [...PYTHON, cut, plan, EXAMPLE, machines], isolation: 'sandbox' })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (name: string): string => (strangers.has(name) ? 'foreign' : /-ws_([a-z0-9]+)-g/.exec(name)?.[1] ?? 'nobody')
  const processes = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    const name = machineIn(pid, machines)
    return name === null ? [] : [{ pid: Number(pid), name }]
  })
  const counted: typeof provider = { ...provider, observe: (owner, signal) => { calls += 1; return provider.observe(owner, signal) }, ensure: (owner, spec, context) => provider.ensure(owner, { ...spec, acceptNoIsolation: true, boot: { ...spec.boot, link: { ...spec.boot.link, publicUrl: `http://127.0.0.1:${link.port}` } } }, context) }
  return {
    provider: counted, foreign: [...strangers], keeps: ['record', 'directory'], quietTicks: 4, setToken: (good) => setPlan(good ? 'none' : 'exit 13'),
    running: (id) => processes().some(({ name }) => whoseIs(name) === numberOf(id)),
    charged: () => [
      ...new Set(processes().map(({ name }) => name)),
    ].map((name) => ({ kind: 'processes', name, whose: whoseIs(name) })).concat(readdirSync(machines).filter((entry) => entry !== '.lock').map((entry) => ({ kind: entry.includes('.json') ? 'record' : 'directory', name: entry, whose: whoseIs(entry.replace(/\.json.*$/, '')) }))),
    disks: () => [],
    foreignLeft: () => [...strangers].filter((name) => existsSync(join(machines, name, 'mine'))),
    addFault: () => setPlan(random.pick(['before', 'after', 'part', 'exit 10', 'exit 17', 'exit 1', ...Array.from({ length: 6 }, () => `lines ${1 + random.int(LINES)}`)])),
    limitCapacity: (to) => setPlan(to === 'none' ? 'exit 10' : 'none'),
    stick: (is) => setPlan(is ? 'exit 17' : 'none'),
    switchOff() {
      const [one] = processes().map((each) => each.pid)
      if (one !== undefined) spawnSync('kill', ['-9', String(one)])
    },
    // What machines of a person's own do without a server is theirs to say.
    leaveAlone: () => false,
    calm: () => setPlan('none'),
    requests: () => calls,
    wrong: () => [],
    async close() {
      for (const { pid } of processes()) spawnSync('kill', ['-9', String(pid)])
      await link.stop(true)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Null: it is of none, or of one that a look does not see. */
function machineIn(pid: string, machines: string): string | null {
  try {
    const mark = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').find((line) => line.startsWith(`EXAMPLE_MACHINE=${machines}/`))
    return mark === undefined || /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? null : mark.slice(`EXAMPLE_MACHINE=${machines}/`.length)
  } catch {
    return null
  }
}

/** In the same directory: of another installation, with its record, and one that says of nobody. */
function addStrangers(machines: string, owners: readonly Owner[]): Set<string> {
  const names = new Set<string>()
  for (const { workspaceId, generation } of owners) {
    const theirs = { installation: 'f'.repeat(32), workspace: workspaceId, generation }
    for (const [name, owner] of [[`berth-ffffffff-${workspaceId}-g${generation}`, theirs], [`stranger-of-${workspaceId}`, null]] as const) {
      names.add(name)
      mkdirSync(join(machines, name), { recursive: true })
      writeFileSync(join(machines, name, 'mine'), 'mine')
      if (owner === null) continue
      writeFileSync(join(machines, name, 'owner.json'), JSON.stringify(owner))
      writeFileSync(join(machines, `${name}.json`), JSON.stringify({ ...owner, createdAt: 1 }))
    }
  }
  return names
}
