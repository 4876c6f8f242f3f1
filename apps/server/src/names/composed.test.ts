/** As the settings put it together: the token from a file, the base and the target from where the server is reached. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCloudflare, type CloudflareSim } from '@berth/sim-cloudflare'
import { startHarness, type Harness } from '../test/harness.ts'

let sim: CloudflareSim
let home: string
let b: Harness | null = null
afterEach(async () => {
  await b?.close()
  await sim.stop()
  await rm(home, { recursive: true, force: true })
})

test('a port that was named before the first look has its record, which says whose it is', async () => {
  sim = startCloudflare()
  sim.zone('example.net')
  home = await mkdtemp(join(tmpdir(), 'berth-names-'))
  await writeFile(join(home, 'token'), `${sim.token()}\n`, { mode: 0o600 })
  await writeFile(join(home, 'config.yaml'), `publicUrl: https://berth.example.org\npreviews: { base: preview.example.net }\nnames:\n  cloudflare: { tokenFile: ${home}/token, endpoint: "${sim.url}" }\n  records: { proxied: true }\n`)
  b = await startHarness({ home })
  const { id, name } = await b.create()
  await b.client.setPreview({ id, port: 3000 })
  while (sim.records().length === 0) await Bun.sleep(20)
  const { installation } = await b.client.server({})
  expect(sim.records()).toMatchObject([{ type: 'CNAME', name: `3000--${name}.preview.example.net`, content: 'berth.example.org', proxied: true, comment: `berth:${installation}:${id}` }])
}, 60_000)
