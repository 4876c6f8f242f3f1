/** What ends before the engine or the reference CLI is asked for anything. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BuildFailed } from './cli.ts'
import { prepareDevcontainer, type DevcontainerDeps } from './prepare.ts'

let dir = ''
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'berth-prepare-')) })
afterEach(() => rmSync(dir, { recursive: true, force: true }))
const refused = async (): Promise<never> => { throw new Error('asked') }

/** A project that says this. */
const prepare = (config: unknown) => prepareDevcontainer(
  { engine: { call: refused, json: refused }, dir, cli: refused } as unknown as DevcontainerDeps,
  {
    kind: 'devcontainer', path: '.devcontainer/devcontainer.json', others: [], contentOf: async () => null,
    async checkOut(to: string) {
      mkdirSync(join(to, '.devcontainer'), { recursive: true })
      writeFileSync(join(to, '.devcontainer/devcontainer.json'), JSON.stringify(config))
    },
  } as unknown as Parameters<typeof prepareDevcontainer>[1],
  { signal: new AbortController().signal, log: () => {} },
)

test('a Dockerfile that is not there, or was a link to somewhere else, is named', async () => {
  await expect(prepare({ build: { dockerfile: 'Dockerfile' } })).rejects.toThrow('Dockerfile is no file of the project')
  await expect(prepare({ dockerFile: '../docker/Dockerfile' })).rejects.toThrow('../docker/Dockerfile is no file of the project')
  await expect(prepare({ build: { dockerfile: '.' } })).rejects.toBeInstanceOf(BuildFailed)
})

test('the words of a failed build end without a stop', () => {
  expect(new BuildFailed('An error occurred.. \n', '').message).toBe('An error occurred')
})
