/** The canary on a machine elsewhere: the same person with the same secrets, and those of the cloud beside them. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Workspace } from '@berth/wire'
import { serversIn, tell } from './hunt.ts'
import { startCanaryWorld, type CanaryWorld } from './world.ts'

export interface CanaryGround {
  readonly provider: string
  /** Of a home whose server has not started; `config` are further lines of its settings. */
  setUp(home: string, config: string): Promise<void> | void
  /** What is secret because of this cloud, by what it is. */
  readonly secrets: Readonly<Record<string, string>>
  /** Null: the agent is the daemon's own user there, and has it. */
  readonly linkTokenOf: ((workspace: Workspace) => Promise<string>) | null
  /** For each command to end, on a machine that is slow. */
  readonly withinMs?: number
  close(): Promise<void>
}
/** To be tried in tests, whose names stand where SECURITY.md looks for them. */
export interface CanaryOn {
  world(): CanaryWorld
  meetsNothing(): Promise<void>
  meetsWhatAPersonPutIn(): Promise<void>
  becomesNoRoot(): Promise<void>
}

export const UP_MS = 400_000
/** What it is, then what a program tries that wants to be root. */
const CLIMB = 'grep -E "^(CapPrm|CapEff)" /proc/self/status; (id -u; sudo -n id -u; su -c "id -u" </dev/null; setpriv --reuid 0 id -u; pkexec id -u </dev/null; systemd-run --wait --pipe id -u) 2>/dev/null | grep -x 0; cat /etc/shadow; echo tried'

/** One that answers, or what it keeps; its program may be there. */
const ENGINE = /^(?:socket .*|file \/(?:run|var\/lib)\/)(?:docker|containerd)/

export function canaryOn(ground: CanaryGround): CanaryOn {
  const { provider, withinMs } = ground
  let world: CanaryWorld
  let workspace: Workspace
  beforeAll(async () => {
    world = await startCanaryWorld({ setUp: ground.setUp, ...(withinMs === undefined ? {} : { withinMs }) })
    workspace = await world.up('demo', ['--provider', provider])
    expect(workspace.exposures).toEqual([])
  }, withinMs ?? UP_MS)
  afterAll(async () => {
    await world?.close()
    await ground.close()
  }, 120_000)
  return {
    world: () => world,
    async meetsNothing() {
      const { finds, places, bytes } = await world.hunt('demo', { secrets: { ...ground.secrets, ...(ground.linkTokenOf === null ? {} : { 'link token': await ground.linkTokenOf(workspace) }) } })
      expect(tell(finds)).toBe('nothing')
      // It did get at what is its own.
      for (const own of [/^memory \d+ sleep/, /^file \/workspace\/README\.md/, /^gateway model POST \/v1\/messages \(200\)/, /^gateway git GET northquay\/ledger\.git\/info\/refs\?service=git-upload-pack \(200\)/]) expect(places.filter((place) => own.test(place))).not.toEqual([])
      expect(bytes).toBeGreaterThan(100_000)
      expect(places.filter((place) => ENGINE.test(place))).toEqual([])
      // Of the server it comes to the link's address, which is there for it, and nothing else answers.
      const link = new URL(world.urls().linkUrl).port
      expect(serversIn(places).filter((place) => !place.includes(`:${link}/`))).toEqual([])
    },
    async meetsWhatAPersonPutIn() {
      const token = `ghp_${randomBytes(24).toString('base64url')}`
      await world.up('control', ['--provider', provider, '--env', `GITHUB_TOKEN=${token}`])
      const { finds } = await world.hunt('control', { secrets: { plain: token } })
      expect(finds.filter(({ name }) => name !== 'plain')).toEqual([])
      expect(finds.some(({ from }) => /^environment \d+ sleep$/.test(from))).toBe(true)
    },
    async becomesNoRoot() {
      const { stdout } = await world.at.product.cli(['run', 'demo', '--', 'sh', '-c', `${CLIMB} 2>/dev/null`], { exit: null })
      expect(stdout.replaceAll('\t', ' ')).toBe('CapPrm: 0000000000000000\nCapEff: 0000000000000000\ntried\n')
    },
  }
}
