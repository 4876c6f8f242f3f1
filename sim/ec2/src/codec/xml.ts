/** An answer as the vendor writes it; what its description does not have is a fault of the simulator. */
import type { Member, Schema } from './schema.ts'

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/'

class NotAsDescribed extends Error {}

export function answerXml(action: string, output: Schema, { requestId, value }: { requestId: string; value: unknown }): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${NAMESPACE}"><requestId>${requestId}</requestId>${content(output, value, action)}</${action}Response>`
}
export const refusalXml = ({ code, message, requestId }: { code: string; message: string; requestId: string }): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${escaped(code)}</Code><Message>${escaped(message)}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? '&quot;')

function content(schema: Schema, value: unknown, path: string): string {
  switch (schema.kind) {
    case 'structure': return structure(schema.members, value, path)
    case 'list': {
      if (!Array.isArray(value)) throw new NotAsDescribed(`${path} is no list`)
      return value.map((each: unknown, at) => element(schema.item, 'item', { value: each, path: `${path}[${at}]` })).join('')
    }
    case 'string': case 'blob': return escaped(of(value, 'string', path) as string)
    case 'number': return String(of(value, 'number', path))
    case 'boolean': return String(of(value, 'boolean', path))
    case 'timestamp': {
      if (!(value instanceof Date)) throw new NotAsDescribed(`${path} is no moment`)
      return value.toISOString()
    }
  }
}

function structure(members: readonly Member[], value: unknown, path: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NotAsDescribed(`${path} is no structure`)
  const known = new Map(members.map((member) => [member.name, member]))
  return Object.entries(value).map(([name, inner]: [string, unknown]) => {
    const member = known.get(name)
    if (member === undefined) throw new NotAsDescribed(`${path} has no ${name}`)
    return inner === undefined ? '' : element(member, member.answered, { value: inner, path: `${path}.${name}` })
  }).join('')
}

const element = (member: Member, name: string, { value, path }: { value: unknown; path: string }): string => `<${name}>${content(member.schema(), value, path)}</${name}>`

function of(value: unknown, type: 'string' | 'number' | 'boolean', path: string): unknown {
  if (typeof value !== type) throw new NotAsDescribed(`${path} is no ${type}`)
  return value
}
