/** What a person reads of a log: the end of it, without the secrets of the workspace, which a build or a server may print. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import type { Terminals } from '../contracts.ts'
import { createMasker } from '../journal/mask.ts'
import { safeName } from './processes/service-logs.ts'

export interface LogPlace { readonly logDir: string; readonly terminals: Pick<Terminals, 'get'>; readonly secrets: ReadonlySet<string> }

const AGENT_HISTORY_SOURCES = /^(?:agent(?:-[0-9a-z]+)?|shell)$/
/** `dev`, or `service-dev` for one that is called as a step is. */
const SERVICE = 'service-'
const STEPS = ['code.log', 'setup.log', 'agent.log', 'services.log']

export async function readLog({ logDir, terminals, secrets }: LogPlace, source: string, tailBytes: number): Promise<string> {
  const mask = createMasker(secrets)
  const masked = (text: string): string => String(mask(text))
  if (AGENT_HISTORY_SOURCES.test(source)) {
    const terminal = await terminals.get(source)
    if (terminal !== null) return masked(await terminal.snapshot()).slice(-tailBytes)
  }
  // A secret that is cut in two is not known as one: so much more is read, and left out again.
  const margin = Math.max(0, ...[...secrets].map((secret) => Buffer.byteLength(secret)))
  const names = source.startsWith(SERVICE) ? [`${SERVICE}${safeName(source.slice(SERVICE.length))}.log`] : source === 'setup' ? STEPS : [`${safeName(source)}.log`, `${SERVICE}${safeName(source)}.log`]
  const texts: string[] = []
  for (const name of names) {
    const file = Bun.file(join(logDir, name))
    if (!(await file.exists())) continue
    const from = Math.max(0, file.size - tailBytes - margin)
    const text = masked(await file.slice(from).text())
    texts.push(from === 0 ? text : text.slice(margin))
  }
  if (texts.length === 0 && source !== 'setup') throw new BerthError('not_found', `no log of ${source}`, { hint: 'sources: setup, image where one was built, machine, agent, and the names of services' })
  return texts.join('').slice(-tailBytes)
}
