/**
 * The link on a bad network, between the real server and the real daemon: 100 ms each way, connections that are cut
 * again and again, one that goes half-open, a server that is replaced in mid-turn. And what a machine can reach
 * through its link: the link, and nothing of the control API.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { numberedAgentMain, numbersIn } from '@berth/testkit/numbered-agent'
import type { StoredEvent, Workspace } from '@berth/wire'
import { API_PREFIX, routes } from '@berth/wire/routes'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { createBadNetwork, type BadNetwork } from './bad-network.ts'
import { eventually, startProduct, type Product } from './product.ts'
import { modelHost } from './providers.ts'

const AGENT = join(import.meta.dir, 'crash/agent/claude')
const NUMBERS = 1500

async function eventsOf(product: Product, name: string): Promise<StoredEvent[]> {
  return (await product.cli(['events', name, '--json', '--after', '0', '--no-follow'])).stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line) as StoredEvent)
}
const numbersOf = (events: readonly StoredEvent[]): number[] => events.flatMap(({ body }) => (body.type === 'message' && body['role'] === 'agent' ? [...String(body['text']).matchAll(/number (\d+)/g)].map((match) => Number(match[1])) : []))

describe('the link on a bad network', () => {
  let product: Product
  let network: BadNetwork
  beforeAll(async () => {
    product = startProduct()
    mkdirSync(join(product.home, 'providers'), { recursive: true })
    writeFileSync(join(product.home, 'config.yaml'), `agents:\n  claude:\n    executable: ${AGENT}\n`)
    writeFileSync(join(product.home, 'providers/local.yaml'), `readOnlyPaths: ['${dirname(AGENT)}', '${dirname(numberedAgentMain)}']\n`)
    await product.cli(['list'])
    network = createBadNetwork(join(product.home, 'link/link.sock'), { delayMs: 100, cutAfterBytes: 30_000, seed: 7 })
    await network.insert()
  }, 60_000)
  afterAll(async () => {
    await product.close()
    network.close()
  }, 60_000)

  test('every number arrives once and in order: slow, cut, half-open, and with the server replaced in mid-turn', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'berth-links-'))
    const { id } = await product.json<Workspace>(['up', empty, '--provider', 'local', '--prompt', `count ${NUMBERS}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--env', 'NUMBERED_DELAY_MS=60', '--name', 'far', '--no-open', '-y'])
    rmSync(empty, { recursive: true })
    const arrived = async () => numbersOf(await eventsOf(product, 'far')).length
    await eventually(async () => (await arrived()) > 40, 'the first numbers')
    await eventually(async () => network.cuts >= 2, 'two cuts')

    const connections = network.connections
    network.setCuts(null)
    await eventually(async () => network.halfOpen() > 0, 'a connection to leave half-open')
    await eventually(async () => network.connections > connections, 'a connection after the half-open one', 90_000)

    // The new server makes its socket anew; the daemon finds it there.
    await product.cli(['server', 'stop'])
    await product.cli(['list'])
    expect(await arrived()).toBeLessThan(NUMBERS)

    const events = await eventually(async () => {
      const now = await eventsOf(product, 'far')
      return now.some(({ body }) => body.type === 'turn.ended') && now
    }, 'the end of the turn', 90_000)
    const log = numbersIn(readFileSync(join(product.home, 'workspaces', id, 'machine-g1/home/.claude/numbered.log'), 'utf8'))
    expect(log).toEqual(Array.from({ length: NUMBERS }, (_, index) => index + 1))
    expect(numbersOf(events)).toEqual(log)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.filter(({ body }) => body.type === 'gap')).toEqual([])
    await product.cli(['delete', 'far', '-y'])
  }, 180_000)
})

/** Asks every control route, with what a machine has: curl, the link's socket, its own proxy, and the gateway's address. */
const PROBE = `
asked=0; other=
for link in /run/berth-host/link/link.sock /run/berth-host/sock/link.sock /var/lib/berth/link/link.sock; do
  [ -S "$link" ] || continue
  for route in $ROUTES; do
    for token in none "$CONTROL_TOKEN"; do
      code=$(curl -s --noproxy '*' -m 10 -o /dev/null -w '%{http_code}' -X \${route%%:*} -H "authorization: Bearer $token" -H 'content-type: application/json' -d '{}' --unix-socket $link http://link\${route#*:})
      asked=$((asked + 1)); case $code in 404|000) ;; *) other="$other $code" ;; esac
    done
  done
done
echo "asked=$asked"
echo "other=$other" | cut -c1-60
for host in host.docker.internal 127.0.0.1 $GATEWAY; do
  echo "port=$(curl -s -m 10 -o /dev/null -w '%{http_code}' -H "authorization: Bearer $CONTROL_TOKEN" http://$host:$CONTROL_PORT/api/v1/server)"
done
echo pro""bed; exec cat`

for (const provider of ['local', 'docker'] as const) {
  describe(`from inside a machine on ${provider}`, () => {
    let product: Product
    let empty: string
    beforeAll(async () => {
      product = startProduct()
      empty = mkdtempSync(join(tmpdir(), 'berth-probe-'))
      mkdirSync(join(product.home, 'providers'), { recursive: true })
      writeFileSync(join(product.home, 'providers/docker.yaml'), 'baseImage: host-usr\n')
      await product.cli(['list'])
    }, 60_000)
    afterAll(async () => {
      await product.close()
      rmSync(empty, { recursive: true, force: true })
    }, 60_000)

    test('no control route is behind the link, even with the person’s own token', async () => {
      const { url, linkUrl } = JSON.parse(readFileSync(join(product.home, SERVER_FILE), 'utf8')) as { url: string; linkUrl: string }
      const token = readFileSync(join(product.home, TOKEN_FILE), 'utf8').trim()
      const asked = [...Object.values(routes).map((route) => route.replace(' ', `:${API_PREFIX}`)), 'GET:/', 'GET:/sign-in?code=x', 'GET:/git/ws_000000000000/info/refs', 'GET:/api/v1/workspaces/ws_000000000000/stream', 'PUT:/api/v1/workspaces/ws_000000000000/archive']
      const paths = asked.map((route) => route.replaceAll(/\{\w+\}/g, 'ws_000000000000')).join(' ')
      await product.cli(['up', empty, '--provider', provider, '--agent', 'plain', '--command', PROBE, '--env', `ROUTES=${paths}`, '--env', `CONTROL_PORT=${new URL(url).port}`, '--env', `CONTROL_TOKEN=${token}`, '--env', `GATEWAY=${provider === 'local' ? '' : modelHost('docker')}`, '--name', 'probe', '--no-open', '-y'])
      const text = await eventually(async () => { const { stdout } = await product.cli(['logs', 'probe', 'agent']); return stdout.includes('probed') && stdout }, 'the probe', 90_000)
      const value = (name: string) => [...text.matchAll(new RegExp(`${name}=(.*)`, 'g'))].map(([, found]) => found?.trim())
      // Only the daemon's user sees the socket. Where one user is both, no route is behind it.
      expect([value('asked'), value('other')]).toEqual([[process.getuid?.() === 0 || provider === 'docker' ? '0' : String(asked.length * 2)], ['']])
      // Refused by the proxy of the sandbox, or nobody there.
      expect(value('port').filter((code) => code !== '403' && code !== '000')).toEqual([])
      expect(value('port')).toHaveLength(provider === 'local' ? 2 : 3)
      // The same listener on TCP, as a machine behind a public address would meet it.
      for (const route of asked) {
        const [method = '', path = ''] = route.replaceAll(/\{\w+\}/g, 'ws_000000000000').split(/:(.*)/s)
        const answer = await fetch(`${linkUrl}${path}`, { method, headers: { authorization: `Bearer ${token}` } })
        expect([route, answer.status]).toEqual([route, 404])
      }
      expect((await product.json<Workspace[]>(['list'])).map(({ name }) => name)).toEqual(['probe'])
    }, 180_000)
  })
}
