/** Label and field selectors of a list. */
import { Refusal } from './model.ts'
import type { Thing } from './model.ts'

export type Chooses = (thing: Thing) => boolean
const bad = (what: string): Refusal => new Refusal(400, 'BadRequest', what)

export function choosing({ labelSelector, fieldSelector }: { labelSelector: string; fieldSelector: string }): Chooses {
  const all = [...parts(labelSelector).map(byLabel), ...parts(fieldSelector).map(byField)]
  return (thing) => all.every((chooses) => chooses(thing))
}

/** Commas outside of parentheses part them. */
const parts = (selector: string): string[] => selector.split(/,(?![^(]*\))/).map((part) => part.trim()).filter(Boolean)

function byLabel(part: string): Chooses {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(part)
  if (set !== null) {
    const [, key = '', how, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return ({ metadata }) => values.includes(metadata.labels?.[key] ?? '') === (how === 'in')
  }
  const equal = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(part)
  if (equal !== null) {
    const [, key = '', how, value] = equal
    return ({ metadata }) => (metadata.labels?.[key] === value) === (how !== '!=')
  }
  const exists = /^(!?)([\w./-]+)$/.exec(part)
  if (exists === null) throw bad(`unable to parse requirement: ${part}`)
  return ({ metadata }) => (metadata.labels?.[exists[2] ?? ''] !== undefined) === (exists[1] === '')
}

const FIELDS = /^(metadata\.name|metadata\.namespace|status\.phase|spec\.nodeName|involvedObject\.(?:name|kind|uid|namespace)|type|reason)(==|=|!=)(.*)$/
function byField(part: string): Chooses {
  const found = FIELDS.exec(part)
  if (found === null) throw bad(`field label not supported: ${part}`)
  const [, path = '', how, value] = found
  return (thing) => {
    const is = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], thing)
    return (String(is ?? '') === value) === (how !== '!=')
  }
}
