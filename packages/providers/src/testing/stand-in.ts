/** A stand-in daemon for provider tests: a shell script in a toolbox of its own, so a test sees what a machine sees. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineSpec, Owner, Step } from '@berth/core'
import { randomIds } from '@berth/wire'

export interface Bench { readonly root: string; readonly home: string; readonly installation: string; readonly spec: MachineSpec; owner(generation?: number): Owner; close(): Promise<void> }

const MIB = 1024 * 1024

/** `script` runs as the machine's first process; `$3` is the boot file. It should end on TERM. */
export async function openBench(script: string, change: Partial<MachineSpec> = {}): Promise<Bench> {
  const root = await mkdtemp('/tmp/berth-providers-')
  await chmod(root, 0o711)
  const home = join(root, 'home')
  const hash = randomBytes(8).toString('hex')
  const installation = `ins_${randomBytes(8).toString('hex')}`
  await mkdir(join(root, 'toolbox', hash), { recursive: true })
  await mkdir(home, { mode: 0o700 })
  await mkdir(join(root, 'link'), { mode: 0o700 })
  const daemon = join(root, 'toolbox', hash, 'berth-daemon')
  await Bun.write(daemon, `#!/bin/sh\ntrap 'echo ended; exit 0' TERM\nwhile [ -s "\${3%/*}/hold" ]; do sleep 0.1; done\necho "up $*"\n${script}\n`)
  await chmod(daemon, 0o755)
  return {
    root, home, installation,
    spec: {
      image: null, memoryBytes: 512 * MIB, cpus: 1, pids: 256,
      boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: join(root, 'link', 'link.sock'), loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: join(root, 'toolbox'), hash } },
      ...change,
    },
    owner: (generation = 1) => ({ installation, workspaceId: randomIds.workspace(), generation }),
    close: () => rm(root, { recursive: true, force: true }),
  }
}

/** Waits for TERM in a way a shell can be interrupted in. */
export const WAIT = 'while :; do sleep 1000 & wait $!; done'

/** Calls a step again as it asks until it is done. */
export async function finish<T>(step: (poll?: Readonly<Record<string, unknown>>) => Promise<Step<T>>): Promise<T> {
  let now = await step()
  while (!now.done) {
    await Bun.sleep(now.afterMs)
    now = await step(now.poll)
  }
  return now.value
}

/** Looks again until the answer is there; the test's own time limit ends it. */
export async function eventually<T>(look: () => Promise<T | null | false>): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== null && found !== false) return found
    await Bun.sleep(20)
  }
}

/** What it was refused with; null: it was not. */
export const refusalOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error)
