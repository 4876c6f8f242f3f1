/**
 * Git as the daemon itself runs it: as the agent's user, without the hooks, monitors and outside configuration of
 * a tree that is hostile. What the repository's own config can still start, runs as the agent and gains nothing.
 */
import { BerthError } from '@berth/wire/error'
import type { AsAgent } from '../../contracts.ts'
import { GIT_CONFIG_ENV } from '../as-agent.ts'
import { commitsAs, type CommitsAs } from './commits-as.ts'

const NEUTRAL: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'], ['core.fsmonitor', 'false'], ['protocol.ext.allow', 'never'], ['commit.gpgSign', 'false'],
  ['gc.auto', '0'], ['maintenance.auto', 'false'], ['core.pager', 'cat'], ['advice.detachedHead', 'false'], ['submodule.recurse', 'false'],
  ['core.autocrlf', 'false'], ['credential.helper', ''], ['core.askPass', ''], ['push.followTags', 'false'], ['push.recurseSubmodules', 'no'],
]

export interface GitRun {
  /** Secrets among these travel in the environment, never in argv. */
  readonly config?: readonly (readonly [string, string])[]
  readonly env?: Record<string, string>
  readonly stdin?: string | Uint8Array
  readonly limitBytes?: number
  /** Output as it is, one character a byte. */
  readonly bytes?: boolean
  readonly signal?: AbortSignal
}
export interface SafeGit {
  /** Throws BerthError with git's own words when it refuses. */
  (args: readonly string[], options?: GitRun): Promise<string>
  readonly attempt: (args: readonly string[], options?: GitRun) => Promise<{ exitCode: number; stdout: string; stderr: string }>
  readonly dir: string
  /** As of now. */
  readonly commitsAs: () => CommitsAs
}

export function createSafeGit(asAgent: AsAgent, dir: string): SafeGit {
  const attempt: SafeGit['attempt'] = (args, options = {}) => asAgent.run(['git', ...args], {
    cwd: dir,
    env: safeEnvironment({ ...options, config: [...toGateway(asAgent), ...templateFor(asAgent), ...(options.config ?? [])] }),
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.limitBytes === undefined ? {} : { limitBytes: options.limitBytes }),
    ...(options.bytes === undefined ? {} : { bytes: options.bytes }),
  })
  const run = async (args: readonly string[], options?: GitRun): Promise<string> => {
    const result = await attempt(args, options)
    if (result.exitCode === 0) return result.stdout
    throw gitRefusal(args[0] ?? '', result.stderr)
  }
  return Object.assign(run, { attempt, dir, commitsAs: () => commitsAs(asAgent.environment()) })
}

/** What it clones or begins is the agent's to commit in. */
function templateFor(asAgent: AsAgent): readonly (readonly [string, string])[] {
  const { template } = commitsAs(asAgent.environment())
  return template === null ? [] : [['init.templateDir', template]]
}

export function safeEnvironment(options: Pick<GitRun, 'env' | 'config'> = {}): Record<string, string> {
  return {
    GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '', GIT_OPTIONAL_LOCKS: '0',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=20', GIT_LFS_SKIP_SMUDGE: '1', LC_ALL: 'C.UTF-8', ...options.env,
    ...configEnvironment([...NEUTRAL, ...(options.config ?? [])]),
  }
}

export function gitRefusal(verb: string, stderr: string): BerthError {
  const text = withoutCredentials(stderr).trim()
  for (const [pattern, code, hint] of KNOWN_REFUSALS) if (pattern.test(text)) return new BerthError(code, `git ${verb}: ${lastLines(text)}`, { hint })
  return new BerthError(verb === 'clone' || verb === 'fetch' ? 'clone_refused' : 'internal', `git ${verb}: ${lastLines(text)}`, { hint: '`berth logs <workspace> setup` says more' })
}

/** Git tells what went wrong only in words; a hint may depend on them, nothing else does. */
const KNOWN_REFUSALS: readonly (readonly [RegExp, 'clone_refused' | 'network_unreachable' | 'no_space' | 'image_unsupported', string])[] = [
  [/git: not found in this machine/, 'image_unsupported', 'use an image that has git'],
  [/No space left on device|Disk quota exceeded/i, 'no_space', 'free disk space, or use a larger machine'],
  [/Remote branch .* not found|couldn't find remote ref|not our ref|did not match any/i, 'clone_refused', 'check the branch or commit: it is not in that repository'],
  [/could not read Username|Authentication failed|Permission denied|access rights|HTTP 40[13]|returned error: 40[13]/i, 'clone_refused', 'the repository is private or does not exist; run `berth up .` from a clone you have, or check the address'],
  [/not found|does not exist|does not appear to be a git repository|unable to find remote helper/i, 'clone_refused', 'check the address of the repository'],
  [/Could not resolve host|Connection (refused|timed out|reset)|Failed to connect|CONNECT tunnel failed|unreachable|Host key verification/i, 'network_unreachable', 'the machine cannot reach that host; check the network and the address'],
]

/** Nor the gateway's address, whose path is a secret. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, '//').replace(/http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{48}\/git\b\/?/g, 'the hosted repository').replace(/http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{48}\/upstream\/(https?)\//g, '$1://')
}

function lastLines(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '' && !/^(Cloning into|remote: (Enumerating|Counting|Compressing)|Receiving objects|Resolving deltas)/.test(line))
  return lines.slice(-6).join('\n').slice(0, 2000)
}

function toGateway(asAgent: AsAgent): [string, string][] {
  const path = asAgent.environment()[GIT_CONFIG_ENV]
  return path === undefined ? [] : [['include.path', path]]
}

function configEnvironment(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(pairs.length) }
  pairs.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  })
  return env
}
