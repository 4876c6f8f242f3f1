/**
 * An Amazon EC2 on loopback, strict against the schemas of the vendor's own client. `world` says what is there, what it
 * costs, and makes things happen; an answer that the schemas do not have is a fault of the simulator and stands in `faulty`.
 */
import { randomUUID } from 'node:crypto'
import { listOf, startFront, type Front } from '@berth/sim-vendor'
import { parseQuery } from './codec/query.ts'
import { operationOf } from './codec/schema.ts'
import { answerXml, refusalXml } from './codec/xml.ts'
import { REGION } from './catalogue.ts'
import { Refusal, type Fault } from './model.ts'
import type { Operation } from './operations/call.ts'
import { CATALOGUE } from './operations/catalogue.ts'
import { IMAGE_OPERATIONS } from './operations/images.ts'
import { INSTANCES } from './operations/instances.ts'
import { THINGS } from './operations/things.ts'
import { signerOf, type Key } from './signature.ts'
import { createWorld, type World, type WorldOptions } from './world.ts'

export { createContainers, type Containers } from './containers.ts'
export { IMAGES, INSTANCE_TYPES, REGION, SUBNETS } from './catalogue.ts'
export type { Backend, Fault, Instance, NetworkInterface, OwnImage, Snapshot, Volume } from './model.ts'
export type { Key } from './signature.ts'
export type { World } from './world.ts'

export interface Ec2Sim extends Front { readonly world: World }

const OPERATIONS: Readonly<Record<string, Operation>> = { ...INSTANCES, ...THINGS, ...IMAGE_OPERATIONS, ...CATALOGUE }
const VERSION = '2016-11-15'
/** Said of a request that no description allows, never of one that the world cannot fulfil. */
const MALFORMED = new Set(['UnknownParameter', 'MissingParameter', 'InvalidAction'])
interface Asked { readonly text: string; readonly form: URLSearchParams; readonly action: string }
interface Answer { readonly status: number; readonly xml: string }
const CONTENT_TYPE = 'text/xml;charset=UTF-8'

export function startEc2(options: WorldOptions = {}): Ec2Sim {
  const world = createWorld(options)
  const front = startFront<Asked, Fault, Refusal, Answer>(world, {
    async read(request) {
      const text = await request.text()
      const form = new URLSearchParams(text)
      return { text, form, action: form.get('Action') ?? '' }
    },
    nameOf: ({ action }) => action,
    isMeant: (fault, { action }) => fault.action.test(action),
    async answer(request, { asked: { text, form, action }, what }) {
      const key = signerOf(request, text, { keys: world.keys, now: world.now(), region: REGION })
      world.settle()
      const described = operationOf(action)
      if (form.get('Version') !== VERSION || described === null) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`)
      const input = parseQuery(form, described.input)
      mayDo(key, { action, dryRun: input['DryRun'] === true })
      const operation = OPERATIONS[action]
      if (operation === undefined) throw new Refusal('UnsupportedOperation', `${action} is not played`)
      const value = await operation({ world, input, seen: listOf(what) })
      // Without a duration what goes on has ended by the time its answer is sent, all but in name.
      world.settle()
      return { status: 200, xml: answerXml(action, described.output, { requestId: randomUUID(), value }) }
    },
    refusals: {
      is: (error) => error instanceof Refusal,
      isMalformed: ({ code }) => MALFORMED.has(code),
      answer: ({ status, code, message }) => ({ status, xml: refusalXml({ code, message, requestId: randomUUID() }) }),
      scripted: ({ status, code }) => new Refusal(code, 'scripted', status),
      after: (status) => new Refusal('ServiceUnavailable', 'scripted', status),
      internal: (problem) => new Refusal('InternalError', problem, 500),
    },
    contentType: CONTENT_TYPE,
    textOf: ({ xml }) => xml,
    said: ({ status, xml }, _, headers) => new Response(xml, { status, headers: { 'content-type': CONTENT_TYPE, ...headers } }),
  })
  return { ...front, world }
}

function mayDo(key: Key, { action, dryRun }: { action: string; dryRun: boolean }): void {
  if (key.denied?.test(action) === true) throw new Refusal('UnauthorizedOperation', `You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/berth is not authorized to perform: ec2:${action}`, 403)
  // RunInstances looks at what is asked first.
  if (dryRun && action !== 'RunInstances') throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
}
