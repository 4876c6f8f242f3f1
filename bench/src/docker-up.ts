/**
 * `berth up` on docker with a server that runs: from the start of the CLI until the daemon is connected, and until real
 * Claude Code has taken the prompt. The floor is the Engine API asked to create and start a container of the same image.
 * Images, agents and the daemon's build are fetched before and not counted.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startScriptedModel } from '@berth/testkit/scripted-model'
import type { ScriptedModel } from '@berth/testkit/scripted-model'
import type { StoredEvent, Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { openEngine } from './docker-engine.ts'
import type { Engine, RawImage } from './docker-engine.ts'
import { median, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'

/** The first one may fetch the agent and make the image. */
const FIRST_MS = 8 * 60_000

export const dockerUp: Bench = {
  name: 'docker-up',
  summary: '`berth up` on docker until the daemon is connected, and until Claude Code has the prompt',
  async *run({ signal, note }) {
    const engine = await openEngine()
    const model = await startScriptedModel({ hostname: await engine.hostAddress() })
    const source = mkdtempSync(join(tmpdir(), 'berth-bench-src-'))
    const product = startProduct()
    try {
      writeFileSync(join(source, 'README.md'), '# bench\n')
      const connected: number[] = []
      const accepted: number[] = []
      const raw: number[] = []
      let steps = ''
      for (let run = 0; run <= RUNS; run++) {
        signal.throwIfAborted()
        if (run === 0) note('the first run prepares image, daemon and agent; it does not count')
        const up = await upOnce({ product, model, engine, source, run })
        const floor = await engine.createAndStart(up.image)
        if (run === 0) continue
        connected.push(up.connectedMs)
        accepted.push(up.acceptedMs)
        raw.push(floor)
        steps = up.steps
      }
      yield { name: 'docker-up-connected', value: median(connected), unit: 'ms', floor: median(raw), goal: { ratioAtMost: 3, valueAtMost: 1000 }, detail: `the CLI's start until daemon.connected; floor: Engine API create+start; ${spread(connected, 'ms')}` }
      yield { name: 'docker-up-prompt', value: median(accepted), unit: 'ms', floor: null, goal: { valueAtMost: 3000 }, detail: `the CLI's start until Claude Code took the prompt; ${spread(accepted, 'ms')}; last: ${steps}` }
    } finally {
      await product.close()
      await model.close()
      rmSync(source, { recursive: true, force: true })
    }
  },
}

interface Up { readonly image: RawImage; readonly connectedMs: number; readonly acceptedMs: number; readonly steps: string }
interface With { readonly product: Product; readonly model: ScriptedModel; readonly engine: Engine; readonly source: string; readonly run: number }

async function upOnce({ product, model, engine, source, run }: With): Promise<Up> {
  if (run === 0) {
    // What listens on the host is closed to machines unless a person opened it.
    mkdirSync(join(product.home, 'providers'), { recursive: true })
    writeFileSync(join(product.home, 'providers/docker.yaml'), `hostPorts: [${new URL(model.url).port}]\n`)
    await product.cli(['server', 'start'])
  }
  const since = Date.now()
  const { id } = await product.json<Workspace>([
    'up', source, '--provider', 'docker', '--prompt', 'please say [[hello]]', '--no-open', '-y', '--name', `bench-${run}`,
    '--env', `ANTHROPIC_BASE_URL=http://host.docker.internal:${new URL(model.url).port}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret',
  ], { withinMs: FIRST_MS })
  try {
    await model.waitFor((request) => request.at >= since && JSON.stringify(request.body).includes('please say [[hello]]'), AbortSignal.timeout(60_000))
    const events = await eventsUntil(product, id, isAccepted)
    const at = (fits: (event: StoredEvent) => boolean): number => (events.find(fits)?.at ?? Number.NaN) - since
    const steps = events.flatMap(({ body }) => (body.type === 'workspace.step' && body['state'] === 'done' ? [`${body['step']} ${body['durationMs']} ms`] : []))
    return { image: await engine.imageOf(id), connectedMs: at(({ body }) => body.type === 'daemon.connected'), acceptedMs: at(isAccepted), steps: steps.join(', ') }
  } finally {
    await product.cli(['delete', id, '-y'])
  }
}

const isAccepted = ({ body }: StoredEvent): boolean => body.type === 'prompt' && body['status'] === 'accepted'

async function eventsUntil(product: Product, id: Workspace['id'], last: (event: StoredEvent) => boolean): Promise<StoredEvent[]> {
  const { follow } = await import('@berth/client')
  const events: StoredEvent[] = []
  for await (const event of follow(product.endpoint(), id, { after: 0, signal: AbortSignal.timeout(60_000) })) {
    events.push(event)
    if (last(event)) return events
  }
  throw new BerthError('timeout', 'the prompt was not accepted within a minute', { hint: `the last events: ${events.slice(-5).map(({ body }) => body.type).join(', ')}` })
}
