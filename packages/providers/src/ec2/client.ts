/**
 * Amazon EC2, one call at a time: https://docs.aws.amazon.com/AWSEC2/latest/APIReference. Each refusal becomes a fault
 * that says whether the change may have happened all the same. Small enough to do without their client, which is 43 MB.
 */
import { ProviderFault, type FaultCategory, type Inventory } from '@berth/core'
import { askVendor, type Doing, type Meaning, type Vendor } from '../vendor-call.ts'
import type { Credentials } from './credentials.ts'
import { signedCall, type Parameters } from './signed.ts'
import { itemsOf, parseXml, textOf, type Element } from './xml.ts'

export interface Api {
  /** `what`: what is being done, for messages. */
  call(action: string, call: { parameters: Parameters; what: string }, signal: AbortSignal): Promise<Element>
  /** All pages of a list. Not complete: its pages have no end. */
  list(action: string, list: { set: string; parameters?: Parameters; what: string }, signal: AbortSignal): Promise<Inventory<Element>>
}
export interface ApiOptions { readonly endpoint: string; readonly region: string; readonly credentials: () => Credentials; readonly now: () => number; readonly fetch: (request: Request) => Promise<Response> }

/** A refusal by Amazon, with its own name for it. */
export class Ec2Fault extends ProviderFault {
  readonly code: string
  constructor(code: string, { category, hint }: Meaning, { message, committed, retryAfterMs }: { message: string; committed: 'no' | 'unknown'; retryAfterMs?: number }) {
    super(category, message, { committed, hint, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
    this.code = code
  }
}
export const isRefusal = (error: unknown, ...codes: readonly string[]): boolean => error instanceof Ec2Fault && codes.includes(error.code)
export const isGone = (error: unknown): boolean => error instanceof ProviderFault && error.category === 'not_found'

const PER_PAGE = 100
const PAGES_AT_MOST = 400
const TEXT_SHOWN = 300
/** Their buckets of calls fill by the second. */
const RATE_WAIT_MS = 5000

export const endpointOf = (region: string): string => `https://ec2.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`

export function createApi({ endpoint, region, credentials, now, fetch }: ApiOptions): Api {
  const call: Api['call'] = (action, { parameters, what }, signal) => askVendor(VENDOR, {
    // A change whose answer is lost may have been made.
    what, committed: action.startsWith('Describe') || action.startsWith('Get') ? 'no' : 'unknown',
    send(options) {
      const { url, body, headers } = signedCall({ endpoint, region, action, parameters }, { credentials: credentials(), now: now() })
      return fetch(new Request(url, { method: 'POST', ...options, body, headers: { ...headers, 'user-agent': 'berth' } }))
    },
    read: parseXml,
  }, signal)
  return {
    call,
    async list(action, { set, parameters = {}, what }, signal) {
      const items: Element[] = []
      const seen = new Set<string>()
      let next: string | undefined
      for (let page = 0; page < PAGES_AT_MOST; page += 1) {
        const answer = await call(action, { parameters: { ...parameters, MaxResults: PER_PAGE, NextToken: next }, what }, signal)
        items.push(...itemsOf(answer, set))
        next = textOf(answer, 'nextToken')
        if (next === '') return { items, complete: true, missing: [] }
        // The same page again is no further one.
        if (seen.has(next)) break
        seen.add(next)
      }
      return { items, complete: false, missing: [`${what}: its pages have no end`] }
    },
  }
}

const CREDENTIALS: Meaning = { category: 'auth', hint: 'the keys are not (or no longer) good: put others into the file and run `berth provider check ec2`' }
const FULL: Meaning = { category: 'capacity', hint: 'nothing of this size is free there now; it is tried again, another region may have it' }
const LIMIT: Meaning = { category: 'quota', hint: 'a limit of the account is reached: delete something, or ask for more under Service Quotas in the console' }
const BUSY: Meaning = { category: 'transient', hint: 'something on it goes on' }
const RATE: Meaning = { category: 'rate', hint: 'too many calls for this moment; it goes on by itself' }
const OURS: Meaning = { category: 'invalid', hint: 'see `berth provider check ec2`' }
/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; what ends in NotFound is gone. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  AuthFailure: CREDENTIALS, SignatureDoesNotMatch: CREDENTIALS, InvalidClientTokenId: CREDENTIALS, MissingAuthenticationToken: CREDENTIALS, ExpiredToken: CREDENTIALS,
  RequestExpired: { category: 'auth', hint: 'temporary keys have ended, or the clock of this host is wrong by minutes' },
  UnauthorizedOperation: { category: 'auth', hint: 'the keys may not do this: docs/ec2.md lists the actions that Berth needs' },
  OptInRequired: { category: 'auth', hint: 'the account or the region is not enabled: see the console of Amazon' }, Blocked: { category: 'auth', hint: 'the account is blocked: see the console of Amazon' }, PendingVerification: { category: 'auth', hint: 'Amazon still verifies the account' },
  RequestLimitExceeded: RATE, Throttling: RATE, ThrottlingException: RATE, EC2ThrottledException: RATE,
  InsufficientInstanceCapacity: FULL, InsufficientHostCapacity: FULL, InsufficientCapacity: FULL, InsufficientVolumeCapacity: FULL, Unsupported: FULL,
  InstanceLimitExceeded: LIMIT, VcpuLimitExceeded: LIMIT, VolumeLimitExceeded: LIMIT, MaxIOPSLimitExceeded: LIMIT, SecurityGroupLimitExceeded: LIMIT, InsufficientFreeAddressesInSubnet: LIMIT, NetworkInterfaceLimitExceeded: LIMIT,
  IncorrectInstanceState: BUSY, IncorrectState: BUSY, InvalidState: BUSY, VolumeInUse: BUSY, DependencyViolation: BUSY, InternalError: BUSY, ServiceUnavailable: BUSY, Unavailable: BUSY,
  IdempotentParameterMismatch: { category: 'conflict', hint: 'it was bought a moment ago' }, 'InvalidSnapshot.InUse': BUSY, 'InvalidAMIName.Duplicate': { category: 'conflict', hint: 'an image of this name is there already' }, 'InvalidAMIID.Unavailable': BUSY, 'InvalidGroup.Duplicate': { category: 'conflict', hint: 'something of this name is there already' },
  InvalidParameterValue: OURS, InvalidParameterCombination: OURS, MissingParameter: OURS, UnknownParameter: OURS, InvalidBlockDeviceMapping: OURS, UnsupportedOperation: { category: 'unsupported', hint: 'see `berth provider check ec2`' },
}
/** These come with a 5xx, and nothing was done. */
const SAID_NO: ReadonlySet<FaultCategory> = new Set(['capacity', 'rate', 'quota', 'auth'])

const VENDOR: Vendor = { name: 'Amazon EC2', trouble: 'health.aws.amazon.com says whether they have trouble', refusal }

function refusal({ status }: Response, text: string, { what, committed }: Doing): Ec2Fault {
  const { code, message } = errorIn(text)
  const known = BY_CODE[code] ?? { category: /NotFound|Malformed$/.test(code) ? 'not_found' as const : status >= 500 ? 'transient' as const : status === 401 || status === 403 ? 'auth' as const : 'invalid' as const, hint: 'health.aws.amazon.com says whether they have trouble' }
  return new Ec2Fault(code, known, {
    message: `${what}: ${message || `status ${status}`}${code === '' ? '' : ` (${code})`}`, committed: status >= 500 && !SAID_NO.has(known.category) ? committed : 'no', ...(known.category === 'rate' ? { retryAfterMs: RATE_WAIT_MS } : {}),
  })
}

function errorIn(text: string): { code: string; message: string } {
  try {
    const [error] = parseXml(text).parts.flatMap((part) => (part.name === 'Errors' ? part.parts : []))
    return error === undefined ? { code: '', message: '' } : { code: textOf(error, 'Code'), message: textOf(error, 'Message').slice(0, TEXT_SHOWN) }
  } catch {
    return { code: '', message: '' }
  }
}
