/**
 * A vendor's HTTP on loopback. What is asked is noted in `world.asked`, faults are taken from `world.faults` and spoil what
 * they mean, and what neither the vendor refuses nor the simulator can answer stands in `faulty`.
 */
import { takeFault } from './fault.ts'
import type { Fault, PathFault, Wrong } from './fault.ts'

export interface Front {
  readonly url: string
  /** What it answered against its own description, and what clients asked against it. */
  readonly faulty: readonly string[]
  readonly refused: readonly string[]
  /** The same without a network. */
  fetch(request: Request): Promise<Response>
  close(): Promise<void>
}

/** How one vendor does it. */
export interface Ways<Asked, F extends Fault<{ readonly kind: string }>, Refusal extends Error, Answer extends { readonly status: number }> {
  /** What of a request decides about the faults that mean it. */
  read(request: Request): Asked | Promise<Asked>
  /** In `asked`, `faulty` and `refused`. */
  nameOf(asked: Asked): string
  isMeant(fault: F, asked: Asked): boolean
  /** Throws a refusal, or an error that is the simulator's. */
  answer(request: Request, given: { readonly asked: Asked; readonly what: F['what'] | null }): Promise<Answer>
  readonly refusals: {
    is(error: unknown): error is Refusal
    /** No description allows what was asked, whatever the world is like. */
    isMalformed(refusal: Refusal): boolean
    answer(refusal: Refusal): Answer
    scripted(what: Extract<F['what'], { readonly kind: 'refuse' }>): Refusal
    /** Of a proxy in front of the vendor. */
    after(status: number): Refusal
    /** Of a fault of the simulator. */
    internal(problem: string): Refusal
  }
  readonly contentType: string
  textOf(answer: Answer): string
  said(answer: Answer, request: Request, headers?: Record<string, string>): Response
  /** Of each answer that nothing spoiled. */
  headers?(): Record<string, string>
}

export interface AskedAtPath { readonly method: string; readonly url: URL; /** Without the root. */ readonly pathname: string }
/** The ways of a vendor whose faults mean paths. `root`: what stands before each, as a version does. */
export const byPath = (root = '') => ({
  read({ method, url: text }: Request): AskedAtPath {
    const url = new URL(text)
    return { method, url, pathname: url.pathname.slice(root.length) }
  },
  nameOf: ({ method, pathname }: AskedAtPath): string => `${method} ${pathname}`,
  isMeant: ({ method, path }: PathFault<unknown>, asked: AskedAtPath): boolean => (method ?? asked.method) === asked.method && path.test(asked.pathname),
})

export interface JsonAnswer { readonly status: number; /** Null: none. */ readonly body: unknown }
/** The ways of a vendor that answers in JSON. */
export const jsonOf = {
  contentType: 'application/json',
  textOf: ({ body }: JsonAnswer): string => JSON.stringify(body),
  said: ({ status, body }: JsonAnswer, _: Request, headers: Record<string, string> = {}): Response => (body === null ? new Response(null, { status, headers }) : Response.json(body, { status, headers })),
}

/** No JSON and no XML is whole without its last ones. */
const CUT_OFF = 5

export function startFront<Asked, F extends Fault<{ readonly kind: string }>, Refusal extends Error, Answer extends { readonly status: number }>(
  world: { readonly faults: readonly F[]; readonly asked: string[] }, ways: Ways<Asked, F, Refusal, Answer>, { tls }: { readonly tls?: Bun.TLSOptions | undefined } = {},
): Front {
  const { refusals } = ways
  const faulty: string[] = []
  const refused: string[] = []

  async function served(request: Request): Promise<Response> {
    const asked = await ways.read(request)
    const name = ways.nameOf(asked)
    const what = takeFault(world.faults, (fault) => ways.isMeant(fault, asked))?.what ?? null
    // What only this vendor does is between `answer` and the fault.
    const wrong = what as Wrong | null
    if (wrong?.kind === 'refuse') {
      world.asked.push(`${name} ${wrong.status} scripted`)
      return ways.said(refusals.answer(refusals.scripted(what as Extract<F['what'], { readonly kind: 'refuse' }>)), request, wrong.headers)
    }
    const answer = await tried(request, { asked, what, name })
    world.asked.push(`${name} ${answer.status}`)
    switch (wrong?.kind) {
      case 'after': return ways.said(refusals.answer(refusals.after(wrong.status)), request)
      case 'lost': return new Response(new ReadableStream({ start(controller) { controller.error(new Error('scripted: the answer is lost')) } }))
      case 'truncated': return new Response(ways.textOf(answer).slice(0, -CUT_OFF), { status: answer.status, headers: { 'content-type': ways.contentType } })
      default: return ways.said(answer, request, ways.headers?.())
    }
  }

  async function tried(request: Request, { name, ...given }: { asked: Asked; what: F['what'] | null; name: string }): Promise<Answer> {
    try {
      return await ways.answer(request, given)
    } catch (error) {
      if (!refusals.is(error)) {
        faulty.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
        return refusals.answer(refusals.internal(String(error)))
      }
      if (refusals.isMalformed(error)) refused.push(`${name}: ${error.message}`)
      return refusals.answer(error)
    }
  }

  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: served, ...(tls === undefined ? {} : { tls }) })
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`, faulty, refused, fetch: served, close: () => server.stop(true) }
}
