/**
 * The error every process throws, without run-time dependencies, so that a browser can load it for a few hundred bytes.
 * `errors.ts` has the schemas beside it.
 */
export const ERROR_CODES = [
  'bad_request', 'unauthorized', 'forbidden', 'not_found', 'ambiguous_name', 'conflict', 'name_taken',
  'approval_decided', 'workspace_busy', 'workspace_not_running', 'daemon_unreachable', 'daemon_incompatible',
  'provider_unavailable', 'provider_unknown', 'provider_unsupported', 'image_unsupported', 'capacity', 'quota', 'over_budget',
  'clone_refused', 'network_unreachable', 'no_space', 'port_taken', 'config_invalid', 'agent_unavailable',
  'session_waiting', 'too_large', 'too_many', 'timeout', 'cancelled', 'server_unreachable', 'server_running',
  'database_unavailable', 'cursor_gone', 'not_a_terminal', 'unsupported', 'internal',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/** `Record`, not `Partial`: a new code does not compile until it has a status. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  bad_request: 400, unauthorized: 401, forbidden: 403, not_found: 404, ambiguous_name: 409, conflict: 409,
  name_taken: 409, approval_decided: 409, workspace_busy: 409, workspace_not_running: 409, daemon_unreachable: 503,
  daemon_incompatible: 409, provider_unavailable: 503, provider_unknown: 400, provider_unsupported: 400,
  image_unsupported: 400, capacity: 503, quota: 429, over_budget: 402, clone_refused: 400, network_unreachable: 502, no_space: 507,
  port_taken: 409, config_invalid: 400, agent_unavailable: 503, session_waiting: 409, too_large: 413, too_many: 429,
  timeout: 504, cancelled: 499, server_unreachable: 503, server_running: 409, database_unavailable: 503,
  cursor_gone: 410, not_a_terminal: 400, unsupported: 400, internal: 500,
}

/** sysexits-like: 1 for "it went wrong", 2 for "you asked wrongly", 3 for "not found", 4 for "no access", 5 for "try again". */
export function exitCode(code: ErrorCode): 1 | 2 | 3 | 4 | 5 {
  switch (HTTP_STATUS[code]) {
    case 400: case 413: return 2
    case 404: case 410: return 3
    case 401: case 403: return 4
    case 429: case 503: case 504: return 5
    default: return 1
  }
}

export interface ErrorBody {
  code: ErrorCode
  message: string
  hint?: string | undefined
  details?: Record<string, unknown> | undefined
}

export class BerthError extends Error {
  override readonly name = 'BerthError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, extra: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {}) {
    super(message, extra.cause === undefined ? undefined : { cause: extra.cause })
    this.code = code
    this.hint = extra.hint
    this.details = extra.details
  }

  toBody(): ErrorBody {
    return {
      code: this.code, message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    }
  }

  static fromBody(body: ErrorBody): BerthError {
    return new BerthError(body.code, body.message, {
      ...(body.hint === undefined ? {} : { hint: body.hint }),
      ...(body.details === undefined ? {} : { details: body.details }),
    })
  }
}
