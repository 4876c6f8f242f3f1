/**
 * A server is replaced by a newer one while an agent works: its machine takes the newer daemon in place, and the turn
 * of the real Claude Code goes on to its end as if nothing had been.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@berth/server'
import type { Server } from '@berth/server'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { createToolbox } from '@berth/toolbox'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually, root, startProduct, TOOLBOX, type Product } from './product.ts'
import { dockerInventory, modelHost, modelWords, setUpProviders } from './providers.ts'
import { dirtyRepository } from './repository.ts'

for (const provider of ['local', 'docker'] as const) {
  describe(`upgrade on ${provider}`, () => {
    let product: Product
    let model: ScriptedModel
    let repository: Awaited<ReturnType<typeof dirtyRepository>>
    let newer: Server | null = null
    let scratch = ''

    beforeAll(async () => {
      scratch = mkdtempSync(join(tmpdir(), 'berth-newer-'))
      repository = await dirtyRepository()
      model = await startScriptedModel({ hostname: modelHost(provider) })
      product = startProduct()
      setUpProviders(product.home, model)
    })
    afterAll(async () => {
      // While there is a server: the product's own end finds none any more.
      if (newer !== null) for (const { id } of await product.json<Workspace[]>(['list'])) await product.cli(['delete', id, '-y'])
      await newer?.stop()
      await product.close()
      await model.close()
      repository.remove()
      rmSync(scratch, { recursive: true, force: true })
    }, 120_000)

    test('the daemon changes under a running turn', async () => {
      const workspace = await product.json<Workspace>(['up', '.', '--provider', provider, '--prompt', 'tell me [[long 25]]', ...modelWords(model), '--no-open', '-y', '--name', `up-${provider}`], { cwd: repository.dir })
      const asksModel = (text: string): boolean => text.includes('tell me [[long 25]]')
      await model.waitFor((request) => asksModel(JSON.stringify(request.body)))
      await product.cli(['server', 'stop'])

      const entry = join(scratch, 'main.ts')
      writeFileSync(entry, `import { main } from ${JSON.stringify(join(root, 'apps/daemon/src/main.ts'))}\nprocess.env.NEWER = 'yes'\nprocess.exit(await main(process.argv.slice(2)))\n`)
      const toolbox = createToolbox({ dir: TOOLBOX, log: () => {}, daemonEntry: entry })
      const { hash } = await toolbox.ensureDaemon(undefined, AbortSignal.timeout(120_000))
      const server = await serve({ home: product.home, port: 0, toolbox })
      newer = server
      const events = async (): Promise<StoredEvent[]> => server.store.events.read(workspace.id, 0, 1000)
      const versions = async (): Promise<string[]> => (await events()).flatMap(({ body }) => (body.type === 'daemon.connected' ? [String(body['version'])] : []))
      await eventually(async () => (await versions()).at(-1)?.endsWith(`+${hash}`), 'the newer daemon')
      // The turn was not over when the daemon changed.
      expect((await events()).some(({ body }) => body.type === 'turn.ended')).toBe(false)
      await eventually(async () => (await events()).some(({ body }) => body.type === 'turn.ended'), 'the end of the turn', 90_000)

      const whole = await events()
      const types = whole.map(({ body }) => body.type as string)
      for (const once of ['session.started', 'turn.started', 'turn.ended']) expect([once, types.filter((type) => type === once).length]).toEqual([once, 1])
      const said = whole.flatMap(({ body }) => (body.type === 'message' && body['role'] === 'agent' ? [String(body['text'])] : []))
      expect(said.join('').match(/word/g)?.length).toBe(100)
      expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, at) => at + 1))
      // One machine all the time: the older and the newer daemon, and nothing was started anew.
      expect(new Set(await versions()).size).toBe(2)
      expect(types.filter((type) => type === 'workspace.notice')).toEqual([])
      await product.cli(['delete', workspace.id, '-y'])
      await eventually(async () => (await product.json<Workspace[]>(['list'])).length === 0, 'the deletion')
      if (provider === 'docker') expect(await dockerInventory(workspace.id)).toEqual([])
    }, 300_000)
  })
}
