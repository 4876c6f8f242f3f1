/** What passes between Berth and a person's commands: one JSON document in, one out. A change that a command must know of is another version. */
import { ProviderFault, type FaultCategory, type MachineSpec, type Owner } from '@berth/core'
import { z } from 'zod'
import { cloudConfig } from '../cloud-init/cloud-config.ts'
import { startOf } from '../machine-start.ts'
import { machineName } from '../owner-labels.ts'
import { remoteBoot, type RemoteMachine } from '../remote-boot.ts'

export const VERSION = 1
export const VERBS = ['create', 'start', 'stop', 'observe', 'destroy', 'list'] as const
export type Verb = (typeof VERBS)[number]
/** A command may refuse these as unsupported. */
export type Extra = 'check' | 'logs'

/** As clouds have it; a command may hand it to one. */
const USER_DATA_LIMIT = 32 * 1024
/** Where a machine that is booted by cloud-init keeps what a stop must not lose: a directory of its own disk. */
const DISK = '/var/lib/berth-disk'

const Whose = { installation: z.string().nullish(), workspace: z.string().nullish(), generation: z.int().min(0).max(999_999_999).nullish() }
const Told = z.object({
  name: z.string().min(1).max(256),
  ...Whose,
  state: z.string().min(1).max(64),
  /** ms since the epoch, as all times here. */
  createdAt: z.number().nonnegative(),
  startedAt: z.number().nonnegative().nullish(),
  exitCode: z.int().nullish(),
  detail: z.string().max(1000).nullish(),
})
export type Told = z.infer<typeof Told>
const version = z.literal(VERSION)
export const OneMachine = z.object({ version, machine: Told.nullable() })
const LeftOver = z.object({ kind: z.string().min(1).max(64), name: z.string().min(1).max(256), ...Whose, createdAt: z.number().nonnegative() })
export type LeftOver = z.infer<typeof LeftOver>
export const Machines = z.object({ version, machines: z.array(Told), leftovers: z.array(LeftOver).default([]), complete: z.boolean().default(true), missing: z.array(z.string().max(1000)).default([]) })
export type Machines = z.infer<typeof Machines>
export const Checked = z.object({ version, detail: z.string().max(1000), hint: z.string().max(1000).nullish() })
/** Beside an exit code that says no. */
export const Refused = z.object({ version, hint: z.string().max(1000).optional(), retryAfterMs: z.int().nonnegative().optional() })

export const aboutMachine = (verb: Verb | Extra, owner: Owner) => ({ version: VERSION, verb, machine: { name: machineName(owner), installation: owner.installation, workspace: owner.workspaceId, generation: owner.generation } })

/** Of a machine that is made or started: what it should have, and how it begins. The boot part is a secret. */
export function wantedBy(owner: Owner, spec: MachineSpec, isolation: RemoteMachine['isolation']) {
  const { image, memoryBytes, cpus, pids } = spec
  const boot = remoteBoot(owner, spec, { isolation, what: 'a machine of your own commands' })
  const { hash: toolboxHash } = spec.boot.toolbox
  const { files, argv } = startOf(boot, toolboxHash)
  return {
    wanted: { image, memoryBytes, cpus, pids },
    boot: {
      files: files.map(({ path, mode, content }) => ({ path, mode: mode.toString(8).padStart(4, '0'), content })), argv,
      userData: cloudConfig({ boot, toolboxHash, diskMount: DISK, diskDevice: null, restarts: true }, { limitBytes: USER_DATA_LIMIT }),
    },
  }
}

interface Meaning { readonly category: FaultCategory; /** Nothing was made or changed. */ readonly changedNothing: boolean; readonly hint: string }
/** What a command says by its exit code. Any other than 0 and these: it is not known what came of it. */
export const EXITS: Readonly<Record<number, Meaning>> = {
  10: { category: 'capacity', changedNothing: true, hint: 'there is no room for this machine now; it is tried again' },
  11: { category: 'quota', changedNothing: true, hint: 'a limit is reached; delete workspaces, or ask for a higher one' },
  12: { category: 'rate', changedNothing: true, hint: 'too many calls; it is tried again later' },
  13: { category: 'auth', changedNothing: true, hint: 'the command may not do this; see its credentials' },
  14: { category: 'invalid', changedNothing: true, hint: 'the command does not take this request' },
  15: { category: 'conflict', changedNothing: true, hint: 'what has this name belongs to somebody else; look at it by hand' },
  16: { category: 'not_found', changedNothing: true, hint: 'something that the command needs is not there' },
  17: { category: 'transient', changedNothing: false, hint: 'it is tried again' },
  18: { category: 'unsupported', changedNothing: true, hint: 'the command cannot do this' },
  19: { category: 'image', changedNothing: true, hint: 'the image cannot be had; choose another one' },
  20: { category: 'no_space', changedNothing: false, hint: 'a disk is full; free some space there' },
}

/** Throws a ProviderFault for what is not as described. */
export function read<T>(schema: z.ZodType<T>, text: string, { what, committed }: { what: string; committed: 'no' | 'unknown' }): T {
  const wrong = (why: string): ProviderFault => new ProviderFault('invalid', `the command's answer is not as described (${what}): ${why}`, { committed, hint: 'its standard output must be one JSON document of version 1; see docs/exec.md' })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong(text.trim() === '' ? 'it is empty' : 'it is no JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw wrong(`${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim())
}
