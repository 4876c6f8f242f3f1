/** Judges what the product kept against what the agent itself wrote. Pure: the same evidence, the same complaints. */
import type { Approval, StoredEvent } from '@berth/wire'

export interface Evidence {
  readonly name: string
  /** What the agent says that it wrote, in its own file. */
  readonly written: readonly string[]
  readonly events: readonly StoredEvent[]
  readonly approvals: readonly Approval[]
  /** Prompts that the server took. */
  readonly prompts: readonly string[]
}

const COUNTED = /^number \d+$/
const SHOWN = 5
const SETTLED_PROMPT = new Set(['accepted', 'ambiguous', 'refused'])

export const countedIn = (events: readonly StoredEvent[]): string[] => events.flatMap(({ body }) => (body.type === 'message' && body['role'] === 'agent' && COUNTED.test(String(body['text'])) ? [String(body['text'])] : []))

export function judge(evidence: Evidence): string[] {
  return [...judgeNumbers(evidence), ...judgeStream(evidence), ...judgeApprovals(evidence), ...judgePrompts(evidence)].map((complaint) => `${evidence.name}: ${complaint}`)
}

/** As far as both got: more may still be written, and more may still arrive. */
export function judgeSoFar({ name, written, events }: Pick<Evidence, 'name' | 'written' | 'events'>): string[] {
  const kept = countedIn(events)
  const far = Math.min(written.length, kept.length)
  return differences(written.slice(0, far), kept.slice(0, far)).map((complaint) => `${name}: ${complaint}`)
}

const judgeNumbers = ({ written, events }: Evidence): string[] => differences(written, countedIn(events))

function differences(written: readonly string[], kept: readonly string[]): string[] {
  const at = written.findIndex((text, index) => kept[index] !== text)
  const from = at >= 0 ? at : kept.length === written.length ? -1 : written.length
  if (from < 0) return []
  const near = (list: readonly string[]): string => JSON.stringify(list.slice(from, from + SHOWN))
  return [`the agent wrote ${written.length} numbers, ${kept.length} were kept; from place ${from + 1} on it wrote ${near(written)} and kept is ${near(kept)}`]
}

function judgeStream({ events }: Evidence): string[] {
  const complaints: string[] = []
  const hole = events.findIndex(({ seq }, index) => seq !== index + 1)
  if (hole >= 0) complaints.push(`event ${hole + 1} has seq ${events[hole]?.seq}`)
  if (new Set(events.map(({ id }) => id)).size !== events.length) complaints.push('an event id stands twice in the stream')
  const gaps = events.filter(({ body }) => body.type === 'gap')
  if (gaps.length > 0) complaints.push(`${gaps.length} gaps were said although nothing was rolled back`)
  return complaints
}

const FINAL = new Set(['applied', 'superseded'])
function judgeApprovals({ approvals, events }: Evidence): string[] {
  const complaints: string[] = []
  const said = (type: string): string[] => events.flatMap(({ body }) => (body.type === type ? [String(type === 'approval.asked' ? (body['ask'] as { approvalId: string }).approvalId : body['approvalId'])] : []))
  const asked = said('approval.asked')
  const known = new Map(approvals.map((approval) => [String(approval.approvalId), approval]))
  for (const id of new Set(asked)) if (!known.has(id)) complaints.push(`approval ${id} was asked and is not listed`)
  for (const type of ['approval.asked', 'approval.decided', 'approval.applied', 'approval.superseded']) {
    const ids = said(type)
    if (new Set(ids).size !== ids.length) complaints.push(`${type} was said twice of one approval`)
  }
  for (const { approvalId, state } of approvals) {
    if (!asked.includes(approvalId)) complaints.push(`approval ${approvalId} is listed and was never asked`)
    const trail = (): string => events.filter(({ body }) => body.type.startsWith('approval.') && JSON.stringify(body).includes(approvalId)).map(({ seq, body }) => `${seq} ${body.type.replace('approval.', '')}`).join(', ')
    if (!FINAL.has(state)) complaints.push(`approval ${approvalId} stays ${state}: ${trail()}`)
  }
  return complaints
}

function judgePrompts({ prompts, events }: Evidence): string[] {
  const settled = new Set(events.flatMap(({ body }) => (body.type === 'prompt' && SETTLED_PROMPT.has(String(body['status'])) ? [String(body['promptId'])] : [])))
  return prompts.filter((id) => !settled.has(id)).map((id) => `prompt ${id} was taken and nothing became of it`)
}
