/** What must be true once nobody kills any more: everything settles, nothing leaks, nothing is left of what was deleted. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { processesOf } from '../product.ts'
import { until, type Life } from './life.ts'
import type { Subject } from './subject.ts'
import type { World } from './world.ts'

const SETTLED_WITHIN_MS = 120_000
const FOREGROUND_ENDS_MS = 5_000
const CALM_LOOKS = 4

/** Every workspace comes to what was wished; then all run, until all that was written has arrived. */
export async function settle({ world, subjects, options: { signal }, log }: Life): Promise<string[]> {
  const complaints: string[] = []
  for (const subject of subjects) {
    await until(signal, async () => (await subject.phase()) === subject.wanted, `${subject.spec.name} is ${subject.wanted}`, SETTLED_WITHIN_MS).catch(async (error: unknown) => {
      signal?.throwIfAborted()
      complaints.push(`${String(error)}; it is ${String(await subject.phase().catch(() => 'not told'))}`)
    })
  }
  complaints.push(...(await inventory(world)))
  for (const subject of subjects) {
    if (subject.wanted === 'running') continue
    await world.ask('POST', `/workspaces/${subject.id}/start`, {})
    subject.wanted = 'running'
  }
  await allCalm(subjects, complaints, signal)
  for (const subject of subjects) subject.askOnceMore()
  await allCalm(subjects, complaints, signal)
  log(`settled with ${complaints.length} complaints`)
  return complaints
}

async function allCalm(subjects: readonly Subject[], complaints: string[], signal: AbortSignal | undefined): Promise<void> {
  for (const subject of subjects) {
    // Some looks in a row: a question may be asked between two of them.
    let calm = 0
    await until(signal, async () => {
      calm = subject.unsettled() === null && (await subject.phase()) === 'running' ? calm + 1 : 0
      return calm >= CALM_LOOKS
    }, `${subject.spec.name} settles`, SETTLED_WITHIN_MS).catch((error: unknown) => {
      signal?.throwIfAborted()
      complaints.push(`${String(error)}: ${subject.unsettled() ?? 'nothing, now'}`)
    })
  }
}

/** Machines and processes that exist are those of live workspaces. */
async function inventory(world: World): Promise<string[]> {
  const live = new Set(((await world.ask<Workspace[]>('GET', '/workspaces')) ?? []).map(({ id }) => String(id)))
  const dir = join(world.product.home, 'workspaces')
  const machines = existsSync(dir) ? readdirSync(dir).flatMap((id) => readdirSync(join(dir, id)).map((name) => ({ id, name }))) : []
  const leaked = machines.filter(({ id, name }) => !live.has(id) || !name.startsWith('machine-')).map(({ id, name }) => `directory ${id}/${name} is left over`)
  const doubled = [...live].filter((id) => machines.filter((machine) => machine.id === id).length > 1).map((id) => `${id} has two machines`)
  const strays = world.victims.marked(world.installation).filter(({ workspaceId }) => !live.has(workspaceId)).map(({ pid, workspaceId, command }) => `process ${pid} of ${workspaceId} is left over: ${command}`)
  return [...leaked, ...doubled, ...strays]
}

/** Deletes every workspace and stops the server, and says what is left then. */
export async function deleteAll({ world, options: { signal } }: Life): Promise<string[]> {
  const list = async (): Promise<Workspace[]> => (await world.ask<Workspace[]>('GET', '/workspaces')) ?? []
  for (const { id } of await list()) await world.ask('DELETE', `/workspaces/${id}`)
  await until(signal, async () => (await list()).length === 0 && (await inventory(world)).length === 0, 'everything deleted', SETTLED_WITHIN_MS).catch(() => { signal?.throwIfAborted() })
  const complaints = [...(await list()).map(({ name, phase }) => `${name} is still ${phase} after it was deleted`), ...(await inventory(world))]
  for (const name of ['workspaces', 'repos', 'uploads']) {
    const dir = join(world.product.home, name)
    complaints.push(...(existsSync(dir) ? readdirSync(dir) : []).map((entry) => `${name}/${entry} is left after every workspace was deleted`))
  }
  await world.product.cli(['server', 'stop'])
  // The command in whose foreground it ran sees it end a moment later.
  await until(signal, () => Promise.resolve(processesOf(world.product.home).length === 0), 'nothing runs', FOREGROUND_ENDS_MS).catch(() => { signal?.throwIfAborted() })
  complaints.push(...processesOf(world.product.home).map(({ pid, command }) => `process ${pid} runs after the server was stopped: ${command}`))
  return complaints
}
